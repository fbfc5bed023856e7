// SPDX-License-Identifier: MIT
#include "cli/doctor_checks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/resolve.hpp"

namespace tracectl::cli {
namespace {

bool has_flag(const HostFacts& f, const char* flag) {
  return std::find(f.cpu_flags.begin(), f.cpu_flags.end(), flag) != f.cpu_flags.end();
}

const PmuFacts* trace_pmu(const HostFacts& f) {
  for (const char* name : {"intel_pt", "cs_etm"})
    if (const auto it = f.pmus.find(name); it != f.pmus.end()) return &it->second;
  return nullptr;
}

Finding kernel(const HostFacts& f) {
  if (!f.perf_event_paranoid)
    return {Mark::no, "kernel", fmt::format("Linux {} has no perf_event: no trace unit can be used", f.kernel_release),
            "boot a kernel with CONFIG_PERF_EVENTS"};
  return {Mark::ok, "kernel", fmt::format("Linux {} with perf_event", f.kernel_release), ""};
}

std::string cap(const PmuFacts& pmu, const char* name) {
  const auto it = pmu.caps.find(name);
  return it == pmu.caps.end() ? "" : it->second;
}

Finding intel_pt(const HostFacts& f) {
  if (const auto it = f.pmus.find("intel_pt"); it != f.pmus.end()) {
    const bool multi = cap(it->second, "topa_multiple_entries") == "1";
    return {Mark::ok, "intel_pt",
            fmt::format("PMU type {}, {} address filters, {}", it->second.type, it->second.nr_addr_filters,
                        multi ? "buffers of any pages" : "one ToPA entry: each buffer must be contiguous"),
            ""};
  }
  if (has_flag(f, "intel_pt"))
    return {Mark::no, "intel_pt", "the cpu has Intel PT, the kernel shows no PMU",
            "the hypervisor or the firmware holds it; see dmesg | grep -i 'intel pt'"};
  return {Mark::no, "intel_pt", fmt::format("this cpu ({}) shows no Intel PT", f.cpu_model), ""};
}

Finding cs_etm(const HostFacts& f) {
  const auto it = f.pmus.find("cs_etm");
  if (it == f.pmus.end()) return {Mark::no, "cs_etm", "no CoreSight trace unit", ""};
  std::string sinks;
  for (const auto& [name, id] : it->second.sinks) sinks += (sinks.empty() ? "" : " ") + name;
  if (sinks.empty())
    return {Mark::warn, "cs_etm", "a CoreSight PMU without a sink: trace has nowhere to go",
            "modprobe coresight-tmc coresight-trbe"};
  return {Mark::ok, "cs_etm", fmt::format("PMU type {}, sinks: {}", it->second.type, sinks), ""};
}

Finding pause_trial(const PmuFacts& pmu) {
  const std::string kernel = "the kernel can pause and resume a trace by event";
  switch (pmu.pause) {
    case PauseTrial::can:
      if (only_etmv3(pmu))
        return {Mark::no, "aux_action", kernel + ", but the trace units of this machine are ETMv3, which cannot", ""};
      return {Mark::ok, "aux_action", fmt::format("{}, and so can {}: tried", kernel, pmu.name), ""};
    case PauseTrial::cannot:
      return {Mark::no, "aux_action", fmt::format("{}, but the driver of {} cannot (EOPNOTSUPP)", kernel, pmu.name),
              "boot Linux 6.13 or later for Intel PT, 6.16 for CoreSight"};
    case PauseTrial::busy:
      return {Mark::warn, "aux_action", fmt::format("{}; {} is busy: somebody else traces", kernel, pmu.name),
              "look for another perf record, tracectl or hypervisor"};
    case PauseTrial::refused:
      return {Mark::warn, "aux_action", fmt::format("{}; {} itself could not be tried", kernel, pmu.name),
              "the paranoid line says what you may trace"};
    case PauseTrial::untried:
      break;
  }
  return {Mark::ok, "aux_action", kernel + "; the trace unit itself is tried when a plan runs", ""};
}

Finding aux_action(const HostFacts& f) {
  const PmuFacts* pmu = trace_pmu(f);
  switch (f.aux_action) {
    case AuxActionSupport::abi_known:
      if (pmu != nullptr) return pause_trial(*pmu);
      return {Mark::ok, "aux_action",
              "the kernel can pause and resume a trace by event (it has no trace unit to do it with)", ""};
    case AuxActionSupport::kernel_too_old:
      return {Mark::no, "aux_action", "this kernel cannot pause or resume a trace by event (EINVAL)",
              "boot Linux 6.13 or later (6.16 for CoreSight)"};
    default:
      return {Mark::warn, "aux_action", "could not be tried: perf_event_open is refused here",
              "a container often forbids it: allow perf_event_open in its seccomp profile"};
  }
}

Finding paranoid(const HostFacts& f) {
  if (!f.perf_event_paranoid) return {Mark::no, "paranoid", "no perf_event_paranoid in this kernel", ""};
  const int level = *f.perf_event_paranoid;
  if (f.privileged && f.reads_kernel)
    return {Mark::ok, "paranoid", fmt::format("{}, and you hold CAP_PERFMON: everything is allowed", level), ""};
  if (f.privileged)
    return {
        Mark::ok, "paranoid",
        fmt::format("{}, and you hold CAP_PERFMON: your own programs and kprobes{}; kernel code needs /proc/kcore, which "
                    "only root reads",
                    level, f.uprobes ? ", uprobes" : "; uprobes need CAP_SYS_ADMIN"),
        ""};
  const std::string mend = "sudo sysctl kernel.perf_event_paranoid=1";
  if (level > 2) return {Mark::no, "paranoid", fmt::format("{}: this kernel lets only root use perf", level), mend};
  if (level == 2)
    return {Mark::warn, "paranoid", "2: your own programs in user space; no kernel code, no kprobes or uprobes", mend};
  return {Mark::ok, "paranoid", fmt::format("{}: your own programs, kernel code too", level), ""};
}

Finding mlock(const HostFacts& f) {
  const auto bytes = lockable_bytes(f);
  if (!bytes) return {Mark::ok, "mlock", "no limit on trace buffers for you", ""};
  constexpr uint64_t kDefaultKb = 4096 + 516;  // one AUX buffer and its data ring
  const std::string text = fmt::format("{} KiB of buffers ({} KiB for each of {} cpus, and ulimit -l: {} KiB)",
                                       *bytes / 1024, f.perf_event_mlock_kb, f.cpus, f.memlock_limit / 1024);
  if (*bytes / 1024 >= kDefaultKb) return {Mark::ok, "mlock", text, ""};
  return {Mark::warn, "mlock", text + ": less than the default 4 MiB buffer",
          "sudo sysctl kernel.perf_event_mlock_kb=8192, or size = \"512KiB\" under [buffer]"};
}

Finding tracefs(const HostFacts& f) {
  if (f.tracefs) return {Mark::ok, "tracefs", "readable: tracepoints can be looked up", ""};
  return {Mark::warn, "tracefs", "not readable: no tracepoints on the kernel machine (the emulated one has its own table)",
          kTracefsMend};
}

Finding debug_registers(const HostFacts& f) {
  if (!f.breakpoint_slots) return {Mark::warn, "breakpoints", "could not be tried: perf_event_open is refused here", ""};
  if (*f.breakpoint_slots == 0)
    return {Mark::no, "breakpoints", "no free debug register", "a debugger may hold them; the emulated machine needs none"};
  return {Mark::ok, "breakpoints",
          fmt::format("{} debug registers free (the emulated machine has no limit)", *f.breakpoint_slots), ""};
}

Finding qemu(const QemuFacts& q, const char* name, bool needed) {
  const Mark missing = needed ? Mark::no : Mark::warn;
  const std::string install = "sudo apt-get install qemu-user";
  if (q.path.empty()) return {missing, name, "not found", install};
  if (q.plugin_api == 0)
    return {missing, name, fmt::format("{} {} was built without plugins (static builds are)", q.path, q.version), install};
  return {Mark::ok, name, fmt::format("{} {}, plugin API {}", q.path, q.version, q.plugin_api), ""};
}

// Static programs need none. Source of the last: seen with QEMU 7.2 and Debian 12's libc6-arm64-cross.
Finding sysroot(const HostFacts& f) {
  const std::string at = f.aarch64_sysroot;
  if (at.empty())
    return {Mark::warn, "sysroot", "no dynamic linker of AArch64 (ld-linux-aarch64.so.1): only static AArch64 programs run",
            "sudo apt-get install libc6-arm64-cross, or QEMU_LD_PREFIX=DIRECTORY with an AArch64 system"};
  const std::string text = fmt::format("AArch64 programs find their libraries in {}", at);
  if (at != "/usr/aarch64-linux-gnu") return {Mark::ok, "sysroot", text, ""};
  return {Mark::warn, "sysroot", text + ", where those with threads may hang in QEMU",
          "QEMU_LD_PREFIX=DIRECTORY with Debian's libc6 for arm64, or link with -static"};
}

Finding plugin(const HostFacts& f) {
  if (!f.plugin_path.empty()) return {Mark::ok, "plugin", f.plugin_path, ""};
  return {Mark::no, "plugin", "tracectl-qemu-plugin.so is neither beside tracectl nor in ../lib/tracectl",
          "./dev build, or TRACECTL_PLUGIN=/path/to/tracectl-qemu-plugin.so"};
}

// TCG has AVX and AVX2 since 7.2 and no AVX-512 at all; its cpuid says so, and libraries
// that choose at run time (glibc does) do well.
Finding emulation_limits(const HostFacts& f) {
  const QemuFacts& q = f.qemu_x86_64;
  if (q.path.empty()) return {Mark::warn, "emulation", "unknown without QEMU", ""};
  const bool avx = q.major > 7 || (q.major == 7 && q.minor >= 2);
  const std::string missing = avx ? "AVX-512" : "AVX, AVX2 and AVX-512";
  const bool at_risk = has_flag(f, avx ? "avx512f" : "avx");
  const std::string text = fmt::format("QEMU {} runs no {}; glibc and others that ask cpuid are fine", q.version, missing);
  if (!at_risk) return {Mark::ok, "emulation", text + ", and this cpu has none", ""};
  return {Mark::warn, "emulation", text + "; a program compiled with -march=native here dies of SIGILL",
          avx ? "compile it with -march=x86-64-v3" : "compile it with -march=x86-64-v2"};
}

Finding perf(const HostFacts& f) {
  if (!f.perf_version.empty()) return {Mark::ok, "perf", fmt::format("perf {} can read captures too", f.perf_version), ""};
  return {Mark::warn, "perf", "not installed: only tracectl reads captures here", "sudo apt-get install linux-perf"};
}

// The machine that `run` takes, in words: what resolve itself would choose.
void conclude(const HostFacts& f, Diagnosis& d) {
  const BackendKind backend = f.pmus.count("cs_etm") != 0 ? BackendKind::coresight : BackendKind::intel_pt;
  const MachineChoice choice = choose_machine(backend, f);
  d.kernel_machine = choice.machine == MachineKind::kernel;
  d.emulated_machine = f.qemu_x86_64.plugin_api != 0 && !f.plugin_path.empty();
  if (d.kernel_machine) {
    d.run = fmt::format("tracectl run uses the kernel machine ({}): {}.", name_of(backend), choice.why);
  } else if (d.emulated_machine) {
    d.run = fmt::format("tracectl run uses the emulated machine ({}): QEMU runs the program and plays the trace unit.",
                        choice.why);
  } else {
    d.run = fmt::format("tracectl run cannot trace here: {}, and QEMU with the plugin is not complete.", choice.why);
  }
  d.next = d.kernel_machine || d.emulated_machine ? "tracectl run --window function=libc.so.6:qsort -- ./app" : "";
  for (const auto& x : d.findings)
    if (d.next.empty() && x.mark == Mark::no && (x.subject == "plugin" || x.subject == "qemu-x86_64")) d.next = x.mend;
}

}  // namespace

const char* name_of(Mark mark) { return mark == Mark::ok ? "ok" : mark == Mark::warn ? "warn" : "no"; }

Diagnosis diagnose(const HostFacts& f) {
  Diagnosis d;
  d.findings = {kernel(f),
                intel_pt(f),
                cs_etm(f),
                aux_action(f),
                paranoid(f),
                mlock(f),
                tracefs(f),
                debug_registers(f),
                qemu(f.qemu_x86_64, "qemu-x86_64", true),
                qemu(f.qemu_aarch64, "qemu-aarch64", false),
                sysroot(f),
                plugin(f),
                emulation_limits(f),
                perf(f)};
  conclude(f, d);
  return d;
}

}  // namespace tracectl::cli
