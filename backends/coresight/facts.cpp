// SPDX-License-Identifier: MIT
#include "backends/coresight/facts.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/clock.hpp"
#include "core/perf/records.hpp"
#include "core/perf/uapi.hpp"

namespace tracectl::coresight {
namespace {

Clock clock_of(std::span<const std::byte> body) {
  perf::TimeConvRecord r{};  // what an older recorder's record lacks stays 0
  constexpr size_t kHeader = sizeof r.header;
  std::memcpy(reinterpret_cast<char*>(&r) + kHeader, body.data(), std::min(body.size(), sizeof r - kHeader));
  return {r.shift & 63, r.mult, r.zero, r.cycles, r.mask, r.cap_user_time_short != 0};
}

}  // namespace

uint64_t Clock::perf_time(uint64_t timestamp) const {
  if (shortened) timestamp = cycles + ((timestamp - cycles) & mask);
  return ClockRate{shift, mult, zero}.ns_of(timestamp);
}

std::optional<HardwareId> hardware_id(int32_t cpu, uint64_t value) {
  if (value >> 60 != 0) return std::nullopt;
  HardwareId out{cpu, static_cast<uint8_t>(value & kTraceIdMask), {}};
  if ((value >> 56 & 0xf) >= 1) out.sink = static_cast<uint32_t>(value >> 8);
  return out;
}

std::vector<TraceUnit> Facts::units_of(const capture::AuxStream& stream) const {
  // A cpu's own sink, and a raw one above all, has its unit's trace only.
  const auto of_cpu = [](int32_t cpu) { return [cpu](const auto& x) { return x.cpu == cpu; }; };
  std::vector<TraceUnit> out;
  std::optional<uint32_t> sink;
  if (const auto own = std::find_if(ids.begin(), ids.end(), of_cpu(stream.cpu)); own != ids.end()) sink = own->sink;
  for (TraceUnit unit : info.units) {
    if (stream.raw && stream.cpu >= 0 && unit.cpu != stream.cpu) continue;
    const auto told = std::find_if(ids.begin(), ids.end(), [&](const HardwareId& id) {
      return id.cpu == unit.cpu && (stream.raw || !sink || id.sink == sink);
    });
    unit.trace_id = told != ids.end() ? told->id : (unit.trace_id & kTraceIdUnknown) != 0 ? 0 : unit.trace_id & kTraceIdMask;
    out.push_back(unit);
  }
  return out;
}

Result<Facts> facts_of(const capture::Reader& reader) {
  auto info = parse_info(reader.aux_info());
  if (!info) return tl::unexpected<Error>(info.error());
  Facts out{std::move(*info), {}, {}};
  Clock clock;
  reader.for_each_record([&](const capture::Record& r) {
    if (const auto told = r.type == perf::kAuxOutputHwId ? perf::parse_hw_id(r.body) : std::nullopt)
      if (const auto id = hardware_id(r.cpu, told->id)) out.ids.push_back(*id);
    if (r.type == perf::kTimeConv) clock = clock_of(r.body);
    return true;
  });
  const auto& units = out.info.units;
  const auto counts = [](const TraceUnit& unit) { return unit.ts_source == uint64_t{1}; };
  if (!units.empty() && std::all_of(units.begin(), units.end(), counts)) out.clock = clock;
  return out;
}

}  // namespace tracectl::coresight
