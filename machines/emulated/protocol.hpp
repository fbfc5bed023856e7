// SPDX-License-Identifier: MIT
// What launcher and plugin share: the messages on the session's socket, the session page and
// the layout of a thread's buffers. Both sides are built from this file; kProtocolVersion
// tells a plugin of another build apart.
//
// No descriptor stays open in the traced program (it may close or reuse any number): each
// message opens a connection to an abstract socket, memory comes as a memfd that is mapped
// and closed, and wakeups are futexes in shared memory.
//
// Shape of a thread's memfd, all offsets multiples of the page size:
//
//   0             struct perf_event_mmap_page   (data_head, aux_head, ... as the kernel has them)
//   page          data ring, data_size bytes
//   page + data   ThreadState                   (kStateSize bytes)
//   ... + state   AUX area, aux_size bytes      (the plugin maps the ring twice in a row)
//
// The AUX ring is the AUX area's regions in the order of ThreadState::topa: a table of physical
// addresses as Intel PT's ToPA is, with the file offset as address. pages = contiguous is one region
// (single-range output); scatter has several, none where the ring's order would put it.
//
// Source: include/uapi/linux/perf_event.h; unix(7), memfd_create(2), futex(2).
#pragma once

#include <atomic>
#include <cstdint>

#include "core/filter.hpp"
#include "machines/emulated/thread_state.hpp"

namespace tracectl::emulated {

inline constexpr uint32_t kProtocolVersion = 7;
inline constexpr uint64_t kPageSize = 4096;
inline constexpr uint32_t kMaxPath = 4096;

// Ids of the events in the capture; a trigger's is kTriggerId + its index.
inline constexpr uint64_t kLeaderId = 1, kSidebandId = 2, kTriggerId = 16;

// A pause or resume that no trigger makes, but tracectl ctl, or the end of a period ([collect]): that is a pause, and what
// was traced is handed over.
enum class ByHand : uint32_t { none = 0, pause = 1, resume = 2, period_end = 3 };
[[nodiscard]] inline bool pauses(ByHand what) { return what == ByHand::pause || what == ByHand::period_end; }
// A word says what, and how manieth it is; 0: nothing yet.
[[nodiscard]] inline uint32_t by_hand_word(ByHand what, uint32_t number) {
  return number << 2 | static_cast<uint32_t>(what);
}
[[nodiscard]] inline ByHand by_hand_of(uint32_t word) { return static_cast<ByHand>(word & 3); }

// The session page: one per session, mapped by launcher and every traced process.
struct SessionPage {
  std::atomic<uint32_t> doorbell;  // futex: bumped when the launcher should look
  std::atomic<uint32_t> launcher_waits;
  std::atomic<uint32_t> stop;              // 1: the session is over, programs run on untraced
  std::atomic<uint32_t> launcher_pid;      // a waiting program looks whether it still lives
  std::atomic<uint64_t> untraced_execs;    // programs of another architecture, set-user-ID
  std::atomic<uint64_t> untraced_threads;  // threads that could not reach the launcher
  std::atomic<uint64_t> unexplained;       // control flow that the plugin could not explain
  std::atomic<uint64_t> missed_returns;    // probed functions left by longjmp or an exception
  std::atomic<uint64_t> translations;      // times that translated code was thrown away (plugin/translation.hpp)
  std::atomic<uint64_t> windows;           // resumes that found their event paused, all threads
  std::atomic<uint64_t> hits[64];          // per trigger, for `limit`
  std::atomic<uint32_t> by_hand;           // the last word: how new threads begin; none: as the plan says
  std::atomic<uint64_t> cut_windows;       // by a pause by hand
};
static_assert(sizeof(SessionPage) <= kPageSize);

enum class Request : uint32_t { hello = 1, thread = 2, module = 3, code = 4 };

struct RequestHeader {
  Request what;
  uint32_t version;
  int32_t pid, tid;
};

// hello → HelloReply, triggers, filter ops and texts; the session page as descriptor.
struct HelloRequest {
  RequestHeader h;
  uint32_t exec;  // 1: this program replaced a traced one
};

struct WireTrigger {
  uint8_t kind;    // TriggerKind
  uint8_t action;  // Action
  uint8_t syscall_exit;
  uint8_t raw_syscall;  // raw_syscalls:*: every call
  int32_t syscall_nr;
  uint64_t address;  // form address, else 0
  uint64_t limit;    // ~0: none
  uint64_t period;
  uint64_t snapshot_size;               // do = snapshot: bytes
  uint32_t filter_first, filter_count;  // into the filter ops of the reply
  uint32_t pool_offset;                 // of this trigger's texts
  uint8_t access;                       // BreakAccess
  uint8_t len;                          // bytes that a watchpoint watches
  uint16_t reserved;
};

struct HelloReply {
  uint32_t version;
  uint32_t trigger_count, filter_count, pool_size;
  uint32_t start_paused;
  uint32_t follow;
  uint32_t elf_machine;  // of the programs that this QEMU runs
  uint32_t time;         // time stamps wanted
  uint32_t return_compression;
  uint32_t context_id;    // CoreSight: in its contexts
  uint32_t restarts;      // each PERF_RECORD_AUX holds a trace of its own, from a sync on (CoreSight)
  uint32_t ring;          // mode = ring: old trace is written over, kept at a snapshot
  uint32_t keep_end;      // ring: and at the end of each thread
  uint32_t on_full;       // OnFull
  uint32_t idle_blocks;   // blocks of a pause after which they are let alone; 0: never
  uint32_t fixed_idle;    // tests: and that number stays
  uint32_t flush;         // a pause hands over what there is (sinks that the driver copies from)
  uint32_t wraps;         // and trace is written over until then, as in a ring
  uint64_t sync_bytes;    // distance of PSBs, A-syncs
  uint64_t aux_flags;     // of PERF_RECORD_AUX: its format
  uint64_t wakeup;        // aux_watermark, bytes
  uint64_t window_limit;  // [limits] windows; ~0: none
  char qemu[kMaxPath];    // for execve
  char plugin[kMaxPath];
  char sysroot[kMaxPath];  // QEMU's -L; empty: none
};

enum class ThreadOrigin : uint32_t { program = 0, fork = 1, clone = 2 };

struct ThreadRequest {
  RequestHeader h;
  ThreadOrigin origin;
  int32_t parent_pid, parent_tid;
};

// thread → ThreadReply and the thread's memfd.
struct ThreadReply {
  uint32_t idx;
  uint32_t refused;  // 1: no buffer to be had
  uint64_t data_size, aux_size;
};

// module → ModuleReply, then `count` WireSites.
struct ModuleRequest {
  RequestHeader h;
  char path[kMaxPath];
};

struct WireSite {
  uint32_t trigger;
  uint32_t data;  // 1: TriggerSite::data
  uint64_t file_offset;
};

struct ModuleReply {
  uint32_t count;
  uint32_t build_id_size;
  uint8_t build_id[20];
  uint32_t reserved;
  uint64_t code_offset;  // ModuleAnswer
};

// code → CodeReply and the image file: `size` bytes at `offset` of it are the process's own, to
// be mapped and filled with code that lies in no file (docs/design/code-without-a-file.md).
struct CodeRequest {
  RequestHeader h;
};

struct CodeReply {
  uint64_t offset, size;
  char path[kMaxPath];  // as MMAP2 records name it
};

// A page of code in the image file: the page, and what an instruction that begins in it has
// behind it (15 bytes at most), so that a decoder finds each instruction in one piece.
inline constexpr uint64_t kCodeSlack = 16, kCodeSlot = kPageSize + kCodeSlack;

inline constexpr uint32_t kMaxMessage = 128 * 1024;

}  // namespace tracectl::emulated
