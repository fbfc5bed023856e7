// SPDX-License-Identifier: MIT
// Every refusal of the kernel has its words: what was tried, with which value, what to do.
#include "machines/kernel/refusals.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <vector>

using namespace tracectl;
using namespace tracectl::kernel;

namespace {

HostFacts host() {
  HostFacts h;
  h.kernel_release = "6.18.44";
  h.perf_event_paranoid = 2;
  h.aux_action = AuxActionSupport::abi_known;
  h.breakpoint_slots = 4;
  return h;
}

ResolvedPlan plan() {
  ResolvedPlan p;
  p.start_paused = true;
  p.scope = Scope::kernel;
  const auto add = [&](TriggerKind kind, const char* on) {
    p.triggers.emplace_back();
    p.triggers.back().kind = kind;
    p.triggers.back().on = on;
  };
  add(TriggerKind::tracepoint, "tracepoint:syscalls:sys_enter_read");
  add(TriggerKind::breakpoint, "breakpoint:app:parse");
  add(TriggerKind::uprobe, "uprobe:app:parse");
  add(TriggerKind::kprobe, "kprobe:vfs_read");
  add(TriggerKind::event, "event:branch-misses");
  p.triggers[0].filter_text = "fd = 3";
  return p;
}

std::string said(Step step, int error, int trigger = -1, HostFacts h = host()) {
  const ResolvedPlan p = plan();
  Refusal r{step, error, trigger < 0 ? nullptr : &p.triggers[static_cast<size_t>(trigger)], 4711, -1, 0, 0};
  if (step == Step::map_aux || step == Step::map_data) r.size = 4 << 20;
  if (trigger == 1) r.place = 0x401137;
  return explain(r, p, h).message();
}

}  // namespace

TEST_CASE("the leader's refusals") {
  HostFacts old = host();
  old.aux_action = AuxActionSupport::kernel_too_old;
  old.kernel_release = "6.1.0";
  CHECK(said(Step::leader, EINVAL, -1, old) ==
        "opening the intel_pt event on thread 4711: this kernel cannot start a trace paused\n"
        "  hint: Linux 6.1.0 is too old: 6.13 is the first that can");
  CHECK(said(Step::leader, EINVAL) ==
        "opening the intel_pt event on thread 4711: the driver does not take this configuration\n"
        "  hint: `tracectl check` shows its bits; caps/ of the PMU in sysfs tells which periods this processor has");
  CHECK(said(Step::leader, EOPNOTSUPP) ==
        "opening the intel_pt event on thread 4711: this PMU's driver cannot pause\n"
        "  hint: Intel PT can since Linux 6.13, CoreSight since 6.16; this is 6.18.44");
  CHECK(
      said(Step::leader, EBUSY) ==
      "opening the intel_pt event on thread 4711: somebody else traces here already\n"
      "  hint: the trace unit takes one event at a time: look for another perf record, tracectl or hypervisor that uses it");
  CHECK(said(Step::leader, EACCES) ==
        "opening the intel_pt event on thread 4711: Permission denied\n"
        "  hint: scope = \"user\" needs less right, or: perf_event_paranoid is 2: run as root, with CAP_PERFMON, or sysctl "
        "kernel.perf_event_paranoid=1");
}

TEST_CASE("the members' refusals") {
  CHECK(said(Step::member, ENOSPC, 1) ==
        "opening trigger 'breakpoint:app:parse' on thread 4711 at 0x401137: no debug register is left\n"
        "  hint: this processor has 4; a debugger may hold some. uprobe: has no such limit");
  CHECK(said(Step::member, EINVAL, 1) ==
        "opening trigger 'breakpoint:app:parse' on thread 4711 at 0x401137: the processor cannot watch this\n"
        "  hint: an address is a multiple of len; code in the kernel may be closed to breakpoints");
  CHECK(said(Step::member, EACCES, 2) ==
        "opening trigger 'uprobe:app:parse' on thread 4711: Permission denied\n"
        "  hint: uprobes need root or CAP_SYS_ADMIN (CAP_PERFMON on older kernels), whatever perf_event_paranoid says; "
        "breakpoint: needs neither");
  CHECK(said(Step::member, ENOENT, 3) ==
        "opening trigger 'kprobe:vfs_read' on thread 4711: there is no such place\n"
        "  hint: grep the function in /proc/kallsyms");
  CHECK(said(Step::member, ENOENT, 4) ==
        "opening trigger 'event:branch-misses' on thread 4711: this machine does not have that event\n"
        "  hint: a virtual machine often has no hardware counters: use a software event or a tracepoint");
  CHECK(said(Step::member, EACCES, 0).find("system call tracepoints need no right") != std::string::npos);
  CHECK(said(Step::filter, EINVAL, 0) ==
        "setting the filter `fd = 3` of trigger 'tracepoint:syscalls:sys_enter_read': Invalid argument\n"
        "  hint: the kernel's dmesg may say which part; tracectl check explains the fields");
}

TEST_CASE("the buffers' refusals") {
  CHECK(
      said(Step::map_aux, EPERM) ==
      "mapping an AUX buffer of 4MiB on thread 4711: more than this user may lock in memory\n"
      "  hint: the limit is perf_event_mlock_kb = 516 for each cpu, then ulimit -l: a smaller size and data in [buffer], or "
      "sysctl kernel.perf_event_mlock_kb, or run as root");
  CHECK(said(Step::map_aux, ENOMEM).find("a smaller size in [buffer]") != std::string::npos);
  CHECK(said(Step::map_data, EINVAL) ==
        "mapping a data ring of 4MiB on thread 4711: the kernel does not take this size\n"
        "  hint: a power of two of pages, and not too many");
}

TEST_CASE("a pause that only the AUX mmap refuses is not told as a size") {
  ResolvedPlan p = plan();
  p.backend = BackendKind::coresight;
  p.coresight.sink = "tmc_etr0";
  const auto of = [&](int error) {
    return explain({Step::map_aux, error, nullptr, 4711, -1, 4 << 20, 0}, p, host()).message();
  };
  CHECK(
      of(ENOMEM) ==
      "mapping an AUX buffer of 4MiB on thread 4711: cs_etm cannot trace this (Cannot allocate memory)\n"
      "  hint: dmesg may say which: the trace unit's driver cannot pause (\"AUX pause is not supported\"; ETMv4 and ETE can "
      "since Linux 6.16), or no path leads from a cpu to the sink tmc_etr0, or it is in use or broken; or memory is short: "
      "a smaller size in [buffer]");
  CHECK(of(EINVAL).find("cannot pause") != std::string::npos);
  p.start_paused = false;
  p.coresight.sink = "auto";
  CHECK(of(ENOMEM).find("cannot pause") == std::string::npos);
  CHECK(of(ENOMEM).find("no path leads from a cpu to a sink") != std::string::npos);
  CHECK(of(EPERM).find("perf_event_mlock_kb") != std::string::npos);
}

TEST_CASE("no refusal is without words") {
  for (int step = 0; step <= static_cast<int>(Step::enable); ++step)
    for (const int error :
         {EPERM, ENOENT, ESRCH, EINTR, ENOMEM, EACCES, EBUSY, ENODEV, EINVAL, EMFILE, ENOSPC, EOPNOTSUPP, 999})
      for (int trigger = 0; trigger < 5; ++trigger) CHECK(said(static_cast<Step>(step), error, trigger).size() > 20);
}
