// SPDX-License-Identifier: MIT
// ResolvedPlan: a Plan after it met one machine. Everything is decided and numeric: no
// `auto` is left, every default is filled in, windows have become triggers. It is plain
// data: `check` prints it, a machine opens it, capture.json keeps it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/filter.hpp"

namespace tracectl {

enum class BackendKind : uint8_t { intel_pt, coresight };
enum class MachineKind : uint8_t { kernel, emulated };
enum class Scope : uint8_t { user, kernel, all };
enum class ThreadMode : uint8_t { exact, per_cpu };
enum class TargetKind : uint8_t { command, process, thread, cpus, cgroup };
enum class Action : uint8_t { resume, pause, snapshot };
enum class TriggerKind : uint8_t { tracepoint, breakpoint, uprobe, uretprobe, kprobe, kretprobe, event };
enum class BreakAccess : uint8_t { execute, write, read_write };
enum class BufferMode : uint8_t { full, ring };
enum class BufferPages : uint8_t { scatter, contiguous };
enum class OnFull : uint8_t { wait, stop, drop };

// Where a breakpoint or probe sits, as far as it can be known before the program runs.
// `object` is empty for "any object"; else a file name ("libc.so.6", "app") or a path.
struct CodeLocation {
  enum class Form : uint8_t { symbol, file_line, address };
  Form form = Form::symbol;
  std::string object;
  std::string symbol;   // form symbol
  uint64_t offset = 0;  // bytes, added to the symbol
  std::string file;     // form file_line
  unsigned line = 0;
  uint64_t address = 0;  // form address: a virtual address in the traced program
};

struct ResolvedTrigger {
  std::string name;  // reports group by it; never empty
  std::string on;    // as the user spelled it
  TriggerKind kind = TriggerKind::breakpoint;
  Action action = Action::resume;
  CodeLocation where;  // breakpoint, uprobe, uretprobe, kprobe, kretprobe
  BreakAccess access = BreakAccess::execute;
  unsigned len = 8;               // breakpoint, bytes
  std::string tp_group, tp_name;  // tracepoint: "syscalls", "sys_enter_openat"
  int syscall_nr = -1;            // syscalls:*: the number; raw_syscalls:*: -1, every call
  bool syscall_exit = false;      // sys_exit_*
  std::string event;              // event: the text after "event:"
  std::string filter_text;
  FilterProgram filter;
  uint64_t period = 1;
  uint64_t snapshot_size = 64 * 1024;  // bytes
  std::optional<uint64_t> limit;
  int window = -1;  // index into ResolvedPlan::windows, or -1
};

struct ResolvedWindow {
  std::string name;
  int resume = -1, pause = -1;  // indices into ResolvedPlan::triggers
  std::optional<uint64_t> limit;
  std::optional<std::chrono::nanoseconds> longer_than;
};

// Leader config of Intel PT. Source: arch/x86/events/intel/pt.c, format attributes.
struct IntelPtConfig {
  bool tsc = true, cyc = false, mtc = false, noretcomp = false, ptw = false, fup_on_ptw = false;
  bool pwr_evt = false, branch = true, event = false, notnt = false;
  unsigned mtc_period = 0, cyc_thresh = 0;
  unsigned psb_period = 0;  // PSB every 2^(psb_period + 11) bytes
};

struct CoresightConfig {
  std::string sink = "auto", source = "ete";
  bool cycacc = false, timestamp = true, contextid = true, retstack = false, branch_broadcast = false;
  unsigned preset = 0, cc_threshold = 0;
  unsigned metadata = 1;  // version of AUXTRACE_INFO
  std::string configid;
  // The emulated machine's sink: in frames, flushed at each pause; its own memory, bytes (0: the AUX buffer's size);
  // and whether that is written over until somebody takes it.
  bool formatted = false;
  uint64_t sink_size = 0;
  bool wraps = false;
  // The kernel machine's: what the terms above come to, by the PMU's format/ and sinks/.
  uint64_t config = 0, config2 = 0, config3 = 0;
};

struct BufferPlan {
  uint64_t aux_size = 4u << 20;     // bytes, a power of two of pages, each AUX mmap
  uint64_t data_size = 512u << 10;  // bytes, a power of two of pages, each data ring
  BufferMode mode = BufferMode::full;
  BufferPages pages = BufferPages::scatter;
  uint64_t wakeup = 0;  // aux_watermark, bytes; never 0 after resolve
  OnFull on_full = OnFull::stop;
  bool keep_end = false;        // ring: what a buffer holds when its thread ends is kept
  bool keep_crash = false;      // ring: and what it holds when a signal ends its process
  uint64_t total = 256u << 20;  // bytes
};

// Whose code is traced. Every kind but `command` means what runs already; a command beside it only says for how long.
struct Target {
  TargetKind kind = TargetKind::command;
  std::vector<int32_t> ids;  // process, thread
  std::string cgroup;        // cgroup: its directory, or its path below the mount
  // Everything on the cpus, of nobody in particular.
  [[nodiscard]] bool of_cpus() const { return kind == TargetKind::cpus || kind == TargetKind::cgroup; }
  [[nodiscard]] std::string ids_text() const;  // "42,43"
};

struct Limits {
  std::optional<std::chrono::nanoseconds> duration;
  std::optional<uint64_t> bytes, windows;
};

// Trace for `length` in each `every`, nothing in between. The session ends behind the period in which the capture came to
// hold max_bytes of trace.
struct CollectPlan {
  std::chrono::nanoseconds every{}, length{};
  std::optional<uint64_t> max_bytes;
  bool pause_first = false;  // start = "paused"
};

struct ResolvedPlan {
  std::string title;
  std::string source_path;  // plan file; empty when made from options
  std::string source_text;  // verbatim, kept in the capture
  Target target;
  std::vector<std::string> command;
  std::string user;  // start the command as this user; empty: as we are
  bool follow = true;
  BackendKind backend = BackendKind::intel_pt;
  MachineKind machine = MachineKind::emulated;
  std::string machine_why;  // one sentence: why this machine
  Scope scope = Scope::user;
  bool start_paused = false;
  ThreadMode threads = ThreadMode::exact;
  std::vector<std::string> address_filters;
  IntelPtConfig intel_pt;
  CoresightConfig coresight;
  BufferPlan buffer;
  Limits limits;
  std::optional<CollectPlan> collect;
  std::vector<ResolvedTrigger> triggers;
  std::vector<ResolvedWindow> windows;
  // Paths of the triggers' objects ("libc.so.6"), those that the command loads; only `check` asks for them.
  std::map<std::string, std::string> object_paths;
  std::vector<std::string> notes;  // what `check` explains: defaults chosen, options without effect here
};

// A return probe.
[[nodiscard]] bool is_return(TriggerKind);
// A probe on kernel code.
[[nodiscard]] bool is_kernel_probe(TriggerKind);
// A probe on a program's code.
[[nodiscard]] bool is_user_probe(TriggerKind);
// Does a hit happen in the kernel itself? A system call's tracepoint carries the user's registers.
// An event that excludes a mode drops the hits in it: perf_tp_event_match, perf_exclude_event in kernel/events/core.c.
[[nodiscard]] bool hits_in_kernel(const ResolvedTrigger&);
// Does it sit in a file that the traced program must have mapped?
[[nodiscard]] bool sits_in_file(const ResolvedTrigger&);

[[nodiscard]] const char* name_of(BackendKind);
[[nodiscard]] const char* name_of(MachineKind);
[[nodiscard]] const char* name_of(Scope);
[[nodiscard]] const char* name_of(Action);
[[nodiscard]] const char* name_of(TriggerKind);
[[nodiscard]] const char* name_of(BreakAccess);
[[nodiscard]] const char* name_of(BufferMode);
[[nodiscard]] const char* name_of(BufferPages);
[[nodiscard]] const char* name_of(OnFull);
[[nodiscard]] const char* name_of(ThreadMode);
[[nodiscard]] std::string name_of(const Target&);  // "process 42", "all cpus"; "" for a command

}  // namespace tracectl
