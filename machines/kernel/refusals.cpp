// SPDX-License-Identifier: MIT
#include "machines/kernel/refusals.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>
#include <cstring>

#include "core/units.hpp"

namespace tracectl::kernel {
namespace {

const char* pmu_of(const ResolvedPlan& plan) { return plan.backend == BackendKind::intel_pt ? "intel_pt" : "cs_etm"; }

std::string where(const Refusal& r) {
  if (r.cpu >= 0) return r.tid > 0 ? fmt::format(" on thread {}, cpu {}", r.tid, r.cpu) : fmt::format(" on cpu {}", r.cpu);
  return r.tid > 0 ? fmt::format(" on thread {}", r.tid) : "";
}

std::string doing(const Refusal& r, const ResolvedPlan& plan) {
  switch (r.step) {
    case Step::leader:
      return fmt::format("opening the {} event{}", pmu_of(plan), where(r));
    case Step::sideband:
      return fmt::format("opening the event for mappings and names{}", where(r));
    case Step::member:
      return fmt::format("opening trigger '{}'{}", r.trigger->on, where(r));
    case Step::filter:
      return fmt::format("setting the filter `{}` of trigger '{}'", r.trigger->filter_text, r.trigger->on);
    case Step::address_filter:
      return fmt::format("setting the address filters {}{}", fmt::join(plan.address_filters, " "), where(r));
    case Step::output:
      return fmt::format("joining trigger '{}' to the ring{}", r.trigger != nullptr ? r.trigger->on : "sideband", where(r));
    case Step::map_data:
      return fmt::format("mapping a data ring of {}{}", print_size(r.size), where(r));
    case Step::map_aux:
      return fmt::format("mapping an AUX buffer of {}{}", print_size(r.size), where(r));
    case Step::enable:
      return fmt::format("enabling the group{}", where(r));
  }
  return "";
}

std::string rights(const HostFacts& host) {
  return fmt::format("perf_event_paranoid is {}: run as root, with CAP_PERFMON, or sysctl kernel.perf_event_paranoid={}",
                     host.perf_event_paranoid.value_or(2), host.perf_event_paranoid.value_or(2) > 1 ? 1 : -1);
}

Error leader(const Refusal& r, const ResolvedPlan& plan, const HostFacts& host, const std::string& text) {
  switch (r.error) {
    case EINVAL:
      if (plan.start_paused && host.aux_action == AuxActionSupport::kernel_too_old)
        return {ErrorKind::unsupported, text + ": this kernel cannot start a trace paused",
                fmt::format("Linux {} is too old: 6.13 is the first that can", host.kernel_release)};
      return {ErrorKind::failed, text + ": the driver does not take this configuration",
              "`tracectl check` shows its bits; caps/ of the PMU in sysfs tells which periods this processor has"};
    case EOPNOTSUPP:
      return {ErrorKind::unsupported, text + ": this PMU's driver cannot pause",
              fmt::format("Intel PT can since Linux 6.13, CoreSight since 6.16; this is {}", host.kernel_release)};
    case EBUSY:
      return {ErrorKind::failed, text + ": somebody else traces here already",
              "the trace unit takes one event at a time: look for another perf record, tracectl or hypervisor that uses it"};
    case EACCES:
    case EPERM:
      if (r.tid > 0 && (host.privileged || host.perf_event_paranoid.value_or(2) <= (plan.scope == Scope::user ? 2 : 1)))
        return {ErrorKind::unsupported, text + ": " + std::strerror(r.error),
                "it is another user's, or runs a program with other rights or one that may not be read: only root may trace "
                "that"};
      return {ErrorKind::unsupported, text + ": " + std::strerror(r.error),
              plan.scope == Scope::user ? rights(host) : "scope = \"user\" needs less right, or: " + rights(host)};
    case ENOENT:
    case ENODEV:
      return {ErrorKind::unsupported,
              fmt::format("{}: the {} PMU does not answer ({})", text, pmu_of(plan), std::strerror(r.error)),
              "`tracectl doctor` says what this machine has"};
    case ESRCH:
      return {ErrorKind::failed, text + ": it is gone", ""};
    default:
      return {ErrorKind::failed, text + ": " + std::strerror(r.error), ""};
  }
}

Error breakpoint(const Refusal& r, const HostFacts& host, const std::string& text) {
  const std::string at = fmt::format("{} at {:#x}", text, r.place);
  switch (r.error) {
    case ENOSPC:
      return {ErrorKind::unsupported, at + ": no debug register is left",
              fmt::format("this processor has {}; a debugger may hold some. uprobe: has no such limit",
                          host.breakpoint_slots ? fmt::format("{}", *host.breakpoint_slots) : "4 on x86")};
    case EINVAL:
      return {ErrorKind::failed, at + ": the processor cannot watch this",
              "an address is a multiple of len; code in the kernel may be closed to breakpoints"};
    case EACCES:
    case EPERM:
      return {ErrorKind::unsupported, fmt::format("{}: {}", at, std::strerror(r.error)),
              "a breakpoint in the kernel needs root; one in the program needs scope = \"user\" or " + rights(host)};
    default:
      return {ErrorKind::failed, fmt::format("{}: {}", at, std::strerror(r.error)), ""};
  }
}

Error probe(const Refusal& r, const HostFacts& host, const std::string& text) {
  const bool user = is_user_probe(r.trigger->kind);
  switch (r.error) {
    case EACCES:
    case EPERM:
      return {ErrorKind::unsupported, fmt::format("{}: {}", text, std::strerror(r.error)),
              user ? "uprobes need root or CAP_SYS_ADMIN (CAP_PERFMON on older kernels), whatever perf_event_paranoid says; "
                     "breakpoint: needs neither"
                   : "kprobes need root or CAP_PERFMON, whatever perf_event_paranoid says"};
    case ENOENT:
    case EADDRNOTAVAIL:
      return {ErrorKind::failed, text + ": there is no such place",
              user ? "tracectl list symbols shows the program's functions" : "grep the function in /proc/kallsyms"};
    case EINVAL:
    case EILSEQ:
    case EOPNOTSUPP:
      return {ErrorKind::failed, text + ": the kernel takes no probe there",
              user ? "it must be the first byte of an instruction in a file on disk"
                   : "some functions of the kernel are closed to probes: /sys/kernel/debug/kprobes/blacklist"};
    default:
      return {ErrorKind::failed, fmt::format("{}: {}", text, std::strerror(r.error)), rights(host)};
  }
}

Error member(const Refusal& r, const ResolvedPlan& plan, const HostFacts& host, const std::string& text) {
  if (r.error == EINVAL && host.aux_action == AuxActionSupport::kernel_too_old)
    return {ErrorKind::unsupported, text + ": this kernel knows neither pause nor resume",
            fmt::format("Linux {} is too old: 6.13 is the first that does", host.kernel_release)};
  if (r.trigger->kind == TriggerKind::breakpoint) return breakpoint(r, host, text);
  if (r.trigger->kind != TriggerKind::tracepoint && r.trigger->kind != TriggerKind::event) return probe(r, host, text);
  switch (r.error) {
    case EACCES:
    case EPERM:
      return {ErrorKind::unsupported, fmt::format("{}: {}", text, std::strerror(r.error)),
              plan.scope == Scope::user
                  ? rights(host)
                  : "with scope = \"user\" system call tracepoints need no right; or: " + rights(host)};
    case ENOENT:
    case EOPNOTSUPP:
      return {ErrorKind::unsupported, text + ": this machine does not have that event",
              "a virtual machine often has no hardware counters: use a software event or a tracepoint"};
    case EINVAL:
      return {ErrorKind::failed, text + ": it cannot be a member of this group",
              fmt::format("the leader's driver may not be able to pause; `tracectl doctor` tries it ({})", pmu_of(plan))};
    default:
      return {ErrorKind::failed, fmt::format("{}: {}", text, std::strerror(r.error)), ""};
  }
}

// cs_etm makes its path from cpu to sink when the AUX buffer is mapped; whatever is wrong with that, the kernel says what it
// says for memory or a bad size. Source: etm_setup_aux in coresight-etm-perf.c, rb_alloc_aux in kernel/events/ring_buffer.c.
Error no_path(const Refusal& r, const ResolvedPlan& plan, const std::string& text) {
  const std::string sink = plan.coresight.sink == "auto" ? "a sink" : fmt::format("the sink {}", plan.coresight.sink);
  return {
      ErrorKind::unsupported, fmt::format("{}: cs_etm cannot trace this ({})", text, std::strerror(r.error)),
      fmt::format("dmesg may say which: {}no path leads from a cpu to {}, or it is in use or broken; or memory is short: "
                  "a smaller size in [buffer]",
                  plan.start_paused ? "the trace unit's driver cannot pause (\"AUX pause is not supported\"; ETMv4 and ETE "
                                      "can since Linux 6.16), or "
                                    : "",
                  sink)};
}

Error mapping(const Refusal& r, const ResolvedPlan& plan, const HostFacts& host, const std::string& text) {
  if (r.step == Step::map_aux && plan.backend == BackendKind::coresight && (r.error == EINVAL || r.error == ENOMEM))
    return no_path(r, plan, text);
  switch (r.error) {
    case EPERM:
      return {ErrorKind::unsupported, text + ": more than this user may lock in memory",
              fmt::format("the limit is perf_event_mlock_kb = {} for each cpu, then ulimit -l: a smaller size and data in "
                          "[buffer], or sysctl kernel.perf_event_mlock_kb, or run as root",
                          host.perf_event_mlock_kb)};
    case ENOMEM:
      return {ErrorKind::failed, text + ": no memory",
              plan.buffer.pages == BufferPages::contiguous
                  ? "this PMU wants one physically contiguous range: a smaller size in [buffer], or after a reboot"
              : r.step == Step::map_data ? "a smaller data in [buffer]"
                                         : "a smaller size in [buffer]"};
    case EINVAL:
      return {ErrorKind::failed, text + ": the kernel does not take this size", "a power of two of pages, and not too many"};
    case EBUSY:
      return {ErrorKind::failed, text + ": the sink is in use", "look for another trace session"};
    default:
      return {ErrorKind::failed, fmt::format("{}: {}", text, std::strerror(r.error)), ""};
  }
}

}  // namespace

Error explain(const Refusal& r, const ResolvedPlan& plan, const HostFacts& host) {
  const std::string text = doing(r, plan);
  switch (r.step) {
    case Step::leader:
      return leader(r, plan, host, text);
    case Step::member:
      return member(r, plan, host, text);
    case Step::map_data:
    case Step::map_aux:
      return mapping(r, plan, host, text);
    case Step::filter:
      return {ErrorKind::usage, fmt::format("{}: {}", text, std::strerror(r.error)),
              "the kernel's dmesg may say which part; tracectl check explains the fields"};
    case Step::address_filter:
      return {ErrorKind::unsupported, fmt::format("{}: {}", text, std::strerror(r.error)),
              r.error == EOPNOTSUPP
                  ? "of files for threads only, not for cpus; ranges only, as many as caps/num_address_ranges"
                  : "`tracectl check` shows how many this processor has; a window on a function traces only inside it"};
    default:
      break;
  }
  return {ErrorKind::failed, fmt::format("{}: {}", text, std::strerror(r.error)),
          r.error == EACCES || r.error == EPERM ? rights(host)
          : r.error == EMFILE                   ? "ulimit -n: more open files"
                                                : ""};
}

}  // namespace tracectl::kernel
