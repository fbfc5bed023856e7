// SPDX-License-Identifier: MIT
#include "backends/coresight/metadata.hpp"

#include <fmt/format.h>

#include <span>

#include "core/perf/uapi.hpp"

namespace tracectl::coresight {
namespace {

constexpr size_t kHeaderWords = 3;
constexpr size_t kParameters3 = 4, kParameters4 = 7, kParametersEte = 8;  // without TS_SOURCE
constexpr unsigned kNewestVersion = 2;

struct Row {
  Architecture architecture;
  uint64_t magic;
  size_t parameters;
};
constexpr Row kRows[] = {{Architecture::etmv3, 0x3030303030303030, kParameters3},
                         {Architecture::etmv4, 0x4040404040404040, kParameters4},
                         {Architecture::ete, 0x5050505050505050, kParametersEte}};

const Row& row_of(Architecture architecture) { return kRows[static_cast<size_t>(architecture)]; }

const Row* row_of_magic(uint64_t magic) {
  for (const Row& row : kRows)
    if (row.magic == magic) return &row;
  return nullptr;
}

std::vector<uint64_t> parameters_of(const TraceUnit& u) {
  if (u.architecture == Architecture::etmv3) return {u.config, u.trace_id, u.etmccer, u.etmidr};
  std::vector<uint64_t> out = {u.config, u.trace_id, u.idr0, u.idr1, u.idr2, u.idr8, u.authstatus};
  if (u.architecture == Architecture::ete) out.push_back(u.devarch);
  if (u.ts_source) out.push_back(*u.ts_source);
  return out;
}

void set_parameters(TraceUnit& u, std::span<const uint64_t> p) {
  u.config = p[0], u.trace_id = p[1];
  if (u.architecture == Architecture::etmv3) {
    u.etmccer = p[2], u.etmidr = p[3];
    return;
  }
  u.idr0 = p[2], u.idr1 = p[3], u.idr2 = p[4], u.idr8 = p[5], u.authstatus = p[6];
  if (u.architecture == Architecture::ete) u.devarch = p[7];
  const size_t known = row_of(u.architecture).parameters;
  if (p.size() > known) u.ts_source = p[known];
}

// One unit from the front of `words`, which it is taken from.
Result<TraceUnit> take_unit(std::span<const uint64_t>& words, unsigned version, size_t number) {
  const auto cut_short = [number] { return fail(fmt::format("AUXTRACE_INFO ends within trace unit {}", number)); };
  const size_t fixed = version == 0 ? 2 : 3;
  if (words.size() < fixed) return cut_short();
  const Row* row = row_of_magic(words[0]);
  if (row == nullptr)
    return fail(fmt::format("AUXTRACE_INFO: trace unit {} is of an unknown kind ({:#x})", number, words[0]));
  const uint64_t count = version == 0 ? row->parameters : words[2];
  if (count < row->parameters || words.size() - fixed < count) return cut_short();
  TraceUnit unit;
  unit.architecture = row->architecture;
  unit.cpu = static_cast<int>(words[1]);
  set_parameters(unit, words.subspan(fixed, count));
  words = words.subspan(fixed + count);
  return unit;
}

}  // namespace

capture::AuxInfo build_info(const TraceInfo& info) {
  capture::AuxInfo out{perf::kAuxtraceCsEtm,
                       {info.version, uint64_t{info.pmu_type} << 32 | info.units.size(), info.snapshot}};
  for (const TraceUnit& unit : info.units) {
    const auto parameters = parameters_of(unit);
    out.priv.insert(out.priv.end(), {row_of(unit.architecture).magic, static_cast<uint64_t>(unit.cpu)});
    if (info.version != 0) out.priv.push_back(parameters.size());
    out.priv.insert(out.priv.end(), parameters.begin(), parameters.end());
  }
  return out;
}

Result<TraceInfo> parse_info(const capture::AuxInfo& aux) {
  std::span<const uint64_t> words(aux.priv);
  if (words.size() < kHeaderWords) return fail("AUXTRACE_INFO of CoreSight has no header");
  TraceInfo out;
  if (words[0] > kNewestVersion)
    return fail(fmt::format("AUXTRACE_INFO of CoreSight has version {}, newer than {}", words[0], kNewestVersion));
  out.version = static_cast<unsigned>(words[0]);
  out.pmu_type = static_cast<uint32_t>(words[1] >> 32);
  out.snapshot = words[2] != 0;
  const uint32_t count = static_cast<uint32_t>(words[1]);
  words = words.subspan(kHeaderWords);
  for (uint32_t i = 0; i < count; ++i) {
    auto unit = take_unit(words, out.version, i);
    if (!unit) return tl::unexpected<Error>(unit.error());
    out.units.push_back(*unit);
  }
  return out;
}

}  // namespace tracectl::coresight
