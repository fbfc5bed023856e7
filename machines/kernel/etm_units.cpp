// SPDX-License-Identifier: MIT
#include "machines/kernel/etm_units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <vector>

#include "backends/coresight/pmu.hpp"

namespace tracectl::kernel {
namespace {

namespace fs = std::filesystem;
using coresight::Architecture;

constexpr const char* kPmu = "/sys/bus/event_source/devices/cs_etm";
// TRCDEVARCH: bit 20, present; ARCHVER in 15:12; ARCHPART in 11:0, 0xa13 for ETMv4 (version 4) and ETE (5 and later).
constexpr uint64_t kPresent = 1u << 20;
constexpr unsigned kVersionShift = 12, kFirstEteVersion = 5;
// Source: include/linux/coresight-pmu.h before kernel commit d2b7bc6bbf12 (CORESIGHT_LEGACY_CPU_TRACE_ID).
uint64_t legacy_trace_id(int cpu) { return 0x10 + 2 * static_cast<uint64_t>(cpu); }

// Registers are written as hex with 0x, TS_SOURCE as a decimal number.
std::optional<uint64_t> number_in(const fs::path& path) {
  std::ifstream in(path);
  std::string text;
  if (!(in >> text)) return std::nullopt;
  char* end = nullptr;
  const uint64_t value = std::strtoull(text.c_str(), &end, 0);
  return *end == '\0' ? std::optional(value) : std::nullopt;
}

bool is_ete(uint64_t devarch) { return (devarch & kPresent) != 0 && (devarch >> kVersionShift & 0xf) >= kFirstEteVersion; }

// By the terms, wherever this kernel's format/ has their bits; the context id is the one that it traces.
uint64_t trcconfigr_of(const CoresightConfig& c) {
  const bool el2 = (c.config & coresight::kContextId2) != 0;
  return coresight::trcconfigr(coresight::config_bits(c, el2 ? coresight::kContextId2 : coresight::kContextId1));
}

struct Register {
  const char* file;
  uint64_t coresight::TraceUnit::*to;
};
constexpr Register kEtm4[] = {{"trcidr/trcidr0", &coresight::TraceUnit::idr0},
                              {"trcidr/trcidr1", &coresight::TraceUnit::idr1},
                              {"trcidr/trcidr2", &coresight::TraceUnit::idr2},
                              {"trcidr/trcidr8", &coresight::TraceUnit::idr8},
                              {"mgmt/trcauthstatus", &coresight::TraceUnit::authstatus}};
constexpr Register kEtm3[] = {{"mgmt/etmccer", &coresight::TraceUnit::etmccer},
                              {"mgmt/etmidr", &coresight::TraceUnit::etmidr}};

Result<> read_registers(const fs::path& dir, std::span<const Register> registers, coresight::TraceUnit& unit) {
  for (const Register& r : registers) {
    const auto value = number_in(dir / r.file);
    if (!value)
      return fail(fmt::format("reading {}: not there, or no number", (dir / r.file).string()),
                  "decoders need it; is the coresight-etm4x (or etm3x) driver's sysfs complete?");
    unit.*r.to = *value;
  }
  return {};
}

Result<coresight::TraceUnit> read_unit(const fs::path& dir, int cpu, const ResolvedPlan& plan) {
  coresight::TraceUnit unit;
  unit.cpu = cpu;
  unit.trace_id = legacy_trace_id(cpu);
  if (!fs::exists(dir / "trcidr")) {
    unit.architecture = Architecture::etmv3;
    unit.config = plan.coresight.config;
    if (auto r = read_registers(dir, kEtm3, unit); !r) return tl::unexpected<Error>(r.error());
    return unit;
  }
  unit.config = trcconfigr_of(plan.coresight);
  if (auto r = read_registers(dir, kEtm4, unit); !r) return tl::unexpected<Error>(r.error());
  unit.devarch = number_in(dir / "mgmt/trcdevarch").value_or(0);
  unit.architecture = is_ete(unit.devarch) ? Architecture::ete : Architecture::etmv4;
  unit.ts_source = number_in(dir / "ts_source");
  return unit;
}

// "cpu12": 12; else -1.
int cpu_of(const std::string& name) {
  int cpu = -1;
  if (!name.starts_with("cpu")) return -1;
  const auto [end, ec] = std::from_chars(name.data() + 3, name.data() + name.size(), cpu);
  return ec == std::errc() && end == name.data() + name.size() ? cpu : -1;
}

}  // namespace

Result<coresight::TraceInfo> etm_units(const ResolvedPlan& plan, const HostFacts& host) {
  const fs::path pmu = host.path(kPmu);
  std::vector<int> cpus;
  std::error_code ec;
  for (fs::directory_iterator it(pmu, ec), end; !ec && it != end; it.increment(ec))
    if (const int cpu = cpu_of(it->path().filename()); cpu >= 0) cpus.push_back(cpu);
  std::sort(cpus.begin(), cpus.end());
  if (cpus.empty())
    return fail_unsupported(fmt::format("no cpu has a trace unit ({} has no cpuN)", pmu.string()),
                            "modprobe coresight-etm4x; dmesg | grep -i coresight says what failed");
  coresight::TraceInfo out;
  out.version = plan.coresight.metadata;
  const auto facts = host.pmus.find("cs_etm");
  out.pmu_type = facts == host.pmus.end() ? 0 : facts->second.type;
  out.snapshot = plan.buffer.mode == BufferMode::ring;
  for (const int cpu : cpus) {
    auto unit = read_unit(pmu / fmt::format("cpu{}", cpu), cpu, plan);
    if (!unit) return tl::unexpected<Error>(unit.error());
    out.units.push_back(*unit);
  }
  return out;
}

bool all_alike(const coresight::TraceInfo& info) {
  if (info.units.empty()) return false;
  const auto same = [&first = info.units.front()](const coresight::TraceUnit& u) {
    return u.architecture == first.architecture && u.config == first.config && u.etmccer == first.etmccer &&
           u.etmidr == first.etmidr && u.idr0 == first.idr0 && u.idr1 == first.idr1 && u.idr2 == first.idr2 &&
           u.idr8 == first.idr8 && u.devarch == first.devarch && u.ts_source == first.ts_source;
  };
  return std::all_of(info.units.begin(), info.units.end(), same);
}

}  // namespace tracectl::kernel
