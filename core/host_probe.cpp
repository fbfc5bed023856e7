// SPDX-License-Identifier: MIT
// probe_host: the facts that only the live machine tells: by trial (aux_action, breakpoint
// slots), from our own process (rights), and from the tools beside us (QEMU, perf).
#include <linux/hw_breakpoint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "core/host.hpp"
#include "core/perf/kernel.hpp"
#include "core/perf/uapi.hpp"
#include "core/run_tool.hpp"

namespace tracectl {
namespace {

// An event that is only tried: off, of this thread's user mode.
perf_event_attr trial(uint32_t type) {
  perf_event_attr attr{};
  attr.type = type;
  attr.size = perf::kAttrSize;
  attr.disabled = 1;
  attr.exclude_kernel = 1;
  return attr;
}

// Step one of the trial: a software event that starts paused. A kernel that does not know
// the bit refuses a reserved field (EINVAL); one that knows it says that this PMU cannot
// pause (EOPNOTSUPP). Step two is on the trace unit's own PMU: try_pause.
// Source: kernel/events/core.c, perf_copy_attr and perf_event_alloc.
AuxActionSupport try_aux_action() {
  perf_event_attr attr = trial(PERF_TYPE_SOFTWARE);
  attr.config = PERF_COUNT_SW_DUMMY;
  perf::set_aux_action(attr, perf::kAuxStartPaused);
  switch (perf::event_open(attr, 0, -1).error) {
    case EINVAL:
      return AuxActionSupport::kernel_too_old;
    case EOPNOTSUPP:
      return AuxActionSupport::abi_known;
    default:
      return AuxActionSupport::unknown;
  }
}

// With the driver's own defaults: config 0 is valid for both.
PauseTrial try_pause(const PmuFacts& pmu) {
  perf_event_attr attr = trial(pmu.type);
  perf::set_aux_action(attr, perf::kAuxStartPaused);
  switch (perf::event_open(attr, 0, -1).error) {
    case 0:
      return PauseTrial::can;
    case EOPNOTSUPP:
      return PauseTrial::cannot;
    case EBUSY:
      return PauseTrial::busy;
    default:
      return PauseTrial::refused;
  }
}

// Opens disabled breakpoints on our own bytes until the hardware has no register left (ENOSPC): a disabled
// breakpoint reserves its slot too. What another tracer of this thread holds is not free, and so not counted.
std::optional<unsigned> count_breakpoint_slots(uint32_t bp_type) {
  constexpr unsigned kTooMany = 64;
  alignas(8) static char places[kTooMany * 8];
  std::vector<Fd> held;
  for (unsigned i = 0; i < kTooMany; ++i) {
    perf_event_attr attr = trial(PERF_TYPE_BREAKPOINT);
    attr.bp_type = bp_type;
    attr.bp_addr = reinterpret_cast<uintptr_t>(&places[static_cast<size_t>(i) * 8]);
    attr.bp_len = sizeof(long);
    attr.sample_period = 1;
    auto opened = perf::event_open(attr, 0, -1);
    if (opened.error == ENOSPC) return i;
    if (opened.error != 0) return std::nullopt;
    held.push_back(std::move(opened.fd));
  }
  return std::nullopt;
}

// May this user open uprobes? CAP_PERFMON once was enough, since 2025 the kernel wants CAP_SYS_ADMIN. It looks at the right
// first, then at the file's name: an empty one (EINVAL) makes no probe. Source: perf_uprobe_event_init, perf_uprobe_init.
bool try_uprobes(const HostFacts& facts) {
  const auto pmu = facts.pmus.find("uprobe");
  if (pmu == facts.pmus.end()) return true;  // whoever opens one says that there are none
  perf_event_attr attr = trial(pmu->second.type);
  attr.config1 = reinterpret_cast<uintptr_t>("");
  const int error = perf::event_open(attr, 0, -1).error;
  return error != EACCES && error != EPERM;
}

// Bits of a capability set. Source: include/uapi/linux/capability.h.
constexpr uint64_t kIpcLock = 1ull << 14, kSysAdmin = 1ull << 21, kPerfmon = 1ull << 38;

uint64_t effective_capabilities() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.rfind("CapEff:", 0) == 0) return std::strtoull(line.c_str() + 7, nullptr, 16);
  return ::geteuid() == 0 ? ~uint64_t{0} : 0;
}

// "qemu-x86_64 version 7.2.22 (Debian ...)" or "perf version 6.1.187": what follows the word.
std::string version_in(const std::string& text) {
  constexpr const char* kWord = "version ";
  const auto at = text.find(kWord);
  if (at == std::string::npos) return "";
  const auto from = at + std::strlen(kWord);
  return text.substr(from, text.find_first_of(" \n,(", from) - from);
}

QemuFacts probe_qemu(const std::string& name) {
  QemuFacts q;
  q.path = find_in_path(name);
  if (q.path.empty()) return q;
  q.version = version_in(output_of({q.path, "--version"}));
  const char* end = q.version.data() + q.version.size();
  const auto major = std::from_chars(q.version.data(), end, q.major);
  if (major.ec == std::errc() && major.ptr != end) std::from_chars(major.ptr + 1, end, q.minor);
  // A QEMU built without plugins (all static builds) does not offer the option at all.
  // API 2 came with 9.0, which refuses API 1. Source: include/qemu/qemu-plugin.h.
  const bool plugins = output_of({q.path, "-help"}).find("-plugin") != std::string::npos;
  q.plugin_api = !plugins ? 0 : q.major >= 9 ? 2 : 1;
  return q;
}

// $TRACECTL_QEMU stands in for the one whose architecture its name ends with.
void probe_emulators(HostFacts& facts) {
  const char* chosen = std::getenv("TRACECTL_QEMU");
  const std::string over = chosen != nullptr ? chosen : "";
  const bool for_arm = over.find("aarch64") != std::string::npos;
  facts.qemu_x86_64 = probe_qemu(!over.empty() && !for_arm ? over : "qemu-x86_64");
  facts.qemu_aarch64 = probe_qemu(for_arm ? over : "qemu-aarch64");
}

std::string find_plugin() {
  namespace fs = std::filesystem;
  constexpr const char* kFile = "tracectl-qemu-plugin.so";
  std::error_code ec;
  if (const char* chosen = std::getenv("TRACECTL_PLUGIN"); chosen != nullptr && *chosen != '\0')
    return fs::is_regular_file(chosen, ec) ? fs::absolute(chosen, ec).string() : "";
  const fs::path here = fs::read_symlink("/proc/self/exe", ec).parent_path();
  if (ec) return "";
  for (const fs::path& at : {here / kFile, here.parent_path() / "lib/tracectl" / kFile})
    if (fs::is_regular_file(at, ec)) return at.string();
  return "";
}

}  // namespace

void probe_host(HostFacts& facts) {
  facts.page_size = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  rlimit lock{};
  if (::getrlimit(RLIMIT_MEMLOCK, &lock) == 0) facts.memlock_limit = lock.rlim_cur;
  const uint64_t caps = effective_capabilities();
  facts.privileged = (caps & (kSysAdmin | kPerfmon)) != 0;
  facts.locks_freely = (caps & kIpcLock) != 0;
  facts.reads_kernel = static_cast<bool>(std::ifstream("/proc/kcore"));
  facts.aux_action = try_aux_action();
  for (const char* name : {"intel_pt", "cs_etm"})
    if (const auto pmu = facts.pmus.find(name); pmu != facts.pmus.end() && facts.aux_action == AuxActionSupport::abi_known)
      pmu->second.pause = try_pause(pmu->second);
  facts.breakpoint_slots = count_breakpoint_slots(HW_BREAKPOINT_X);
  facts.watchpoint_slots = count_breakpoint_slots(HW_BREAKPOINT_W);
  facts.uprobes = try_uprobes(facts);
  probe_emulators(facts);
  facts.plugin_path = find_plugin();
  if (const std::string perf = find_in_path("perf"); !perf.empty())
    facts.perf_version = version_in(output_of({perf, "--version"}));
}

}  // namespace tracectl
