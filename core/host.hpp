// SPDX-License-Identifier: MIT
// Host: the facts of one machine that `resolve` needs, read under a root directory so that
// a copied /sys and /proc tree works as well as the live machine. Probing that needs system
// calls (the aux_action trial) is separate and optional.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/resolved_plan.hpp"
#include "core/result.hpp"

namespace tracectl {

// Outcome of the two-step trial. Source: kernel/events/core.c, perf_event_alloc.
enum class AuxActionSupport : uint8_t {
  unknown,         // not tried
  kernel_too_old,  // EINVAL on a software event with aux_start_paused
  abi_known,       // EOPNOTSUPP there: the kernel knows the bits
};

// Step two, on a trace unit's own PMU, disabled: what its driver says. CoreSight's says yes always; only the AUX mmap
// proves it there (`only_etmv3` tells before).
enum class PauseTrial : uint8_t {
  untried,
  can,      // it opened
  cannot,   // EOPNOTSUPP
  busy,     // EBUSY: somebody else traces
  refused,  // EACCES, EPERM and the like
};

struct PmuFacts {
  std::string name;
  uint32_t type = 0;                          // perf_event_attr.type
  std::map<std::string, std::string> caps;    // caps/*
  std::map<std::string, std::string> format;  // format/*
  std::map<std::string, std::string> events;  // events/*: CoreSight's configurations by name
  std::map<std::string, std::string> sinks;   // sinks/*: CoreSight sink name and its id (hex)
  unsigned nr_addr_filters = 0;
  // CoreSight: cpus with a trace unit that can be paused (ETMv4, ETE: cpuN/trcidr), and with one that cannot (ETMv3).
  unsigned pausing_units = 0, other_units = 0;
  PauseTrial pause = PauseTrial::untried;
};

struct QemuFacts {
  std::string path;     // "" when not found
  std::string version;  // "7.2.22"
  int major = 0, minor = 0;
  int plugin_api = 0;  // 1 for QEMU < 9, 2 for QEMU >= 9; 0 when it has no plugins
};

struct HostFacts {
  std::string root = "/";
  // "/sys/..." below the root.
  [[nodiscard]] std::string path(const std::string& absolute) const { return root == "/" ? absolute : root + absolute; }
  std::string kernel_release;  // "6.18.44"
  std::string cpu_model;       // /proc/cpuinfo model name
  std::vector<std::string> cpu_flags;
  unsigned cpus = 1;
  uint64_t page_size = 4096;
  std::optional<int> perf_event_paranoid;  // nullopt: no perf in this kernel
  uint64_t perf_event_mlock_kb = 516;
  uint64_t memlock_limit = 0;  // RLIMIT_MEMLOCK, bytes
  bool privileged = false;     // root or CAP_PERFMON
  bool uprobes = false;        // may open them: tried
  bool locks_freely = false;   // root or CAP_IPC_LOCK: no limit on buffers
  bool reads_kernel = false;   // /proc/kcore opens: kernel code can be copied
  bool tracefs = false;        // readable
  std::map<std::string, PmuFacts> pmus;
  // /sys/bus/coresight/devices: the files of each of the PMU's sinks, as far as they tell what it is ("align", "mgmt/rsz").
  std::map<std::string, std::map<std::string, std::string>> sink_devices;
  AuxActionSupport aux_action = AuxActionSupport::unknown;
  std::optional<unsigned> breakpoint_slots;  // of code
  std::optional<unsigned> watchpoint_slots;  // of data: on x86 the same registers, on AArch64 others
  QemuFacts qemu_x86_64, qemu_aarch64;
  std::string aarch64_sysroot;  // where dynamic AArch64 programs find their interpreter; "" when nowhere
  std::string plugin_path;      // tracectl's own QEMU plugin; "" when not installed
  std::string perf_version;     // "" when perf is not installed
};

// The QEMU that runs the programs whose trace the backend makes.
[[nodiscard]] inline const QemuFacts& qemu_for(BackendKind backend, const HostFacts& f) {
  return backend == BackendKind::coresight ? f.qemu_aarch64 : f.qemu_x86_64;
}

// The driver of the older trace unit has no pause: etm_setup_aux leaves its cpus out, and refuses where none is left.
// Source: coresight-etm3x-core.c (etm_source_ops), coresight-etm-perf.c.
[[nodiscard]] inline bool only_etmv3(const PmuFacts& pmu) { return pmu.pausing_units == 0 && pmu.other_units != 0; }

// Bytes of buffers that this user may have; nullopt: no limit. Source: perf_mmap in kernel/events/core.c.
[[nodiscard]] inline std::optional<uint64_t> lockable_bytes(const HostFacts& f) {
  if (f.locks_freely || f.perf_event_paranoid == -1 || f.memlock_limit == ~uint64_t{0}) return std::nullopt;
  return f.perf_event_mlock_kb * 1024 * f.cpus + f.memlock_limit;
}
// What lets this user's group read tracefs. Its files stay 0440 whatever the mode of the directory.
inline constexpr const char* kTracefsMend =
    "sudo mount -o remount,mode=750,gid=$(id -g) /sys/kernel/tracing (not mounted yet: -t tracefs nodev for remount,)";

// Reads files under `root` only. Never fails: what cannot be read stays at its default.
[[nodiscard]] HostFacts read_host(const std::string& root = "/");
// Adds what only the live machine can tell: the aux_action trial, breakpoint slots, QEMU, perf, rights.
void probe_host(HostFacts& facts);

}  // namespace tracectl
