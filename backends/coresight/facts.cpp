// SPDX-License-Identifier: MIT
#include "backends/coresight/facts.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/perf/uapi.hpp"

namespace tracectl::coresight {
namespace {

constexpr uint64_t kIdMask = 0x7f;  // of TRCTRACEIDR; 0 is no id
constexpr uint32_t kHardwareId = 21;  // PERF_RECORD_AUX_OUTPUT_HW_ID, Linux 5.16

template <class T>
T word(std::span<const std::byte> body, size_t offset) {
  T out{};
  if (body.size() >= offset + sizeof out) std::memcpy(&out, body.data() + offset, sizeof out);
  return out;
}

// Bits 7:0 the trace id, 63:60 the version's major, 59:56 its minor; from 0.1 on 39:8 the sink.
void add_hardware_id(const capture::Record& r, std::vector<HardwareId>& out) {
  if (r.body.size() < sizeof(uint64_t)) return;
  const auto value = word<uint64_t>(r.body, 0);
  if (value >> 60 != 0) return;
  HardwareId id{r.cpu, static_cast<uint8_t>(value & kIdMask), {}};
  if ((value >> 56 & 0xf) >= 1) id.sink = static_cast<uint32_t>(value >> 8);
  out.push_back(id);
}

// PERF_RECORD_TIME_CONV: shift, mult, zero, cycles, mask, then two flags.
Clock clock_of(std::span<const std::byte> body) {
  constexpr size_t kShortRecord = 24;  // before Linux 5.10
  Clock out{word<uint64_t>(body, 0) & 63, word<uint64_t>(body, 8), word<uint64_t>(body, 16)};
  if (body.size() <= kShortRecord) return out;
  out.shortened = word<uint8_t>(body, 41) != 0;
  out.cycles = word<uint64_t>(body, 24);
  out.mask = word<uint64_t>(body, 32);
  return out;
}

}  // namespace

uint64_t Clock::perf_time(uint64_t timestamp) const {
  if (shortened) timestamp = cycles + ((timestamp - cycles) & mask);
  const uint64_t quotient = timestamp >> shift, rest = timestamp & ((uint64_t{1} << shift) - 1);
  return zero + quotient * mult + (rest * mult >> shift);
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
    unit.trace_id = told != ids.end() ? told->id : (unit.trace_id & kTraceIdUnknown) != 0 ? 0 : unit.trace_id & kIdMask;
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
    if (r.type == kHardwareId) add_hardware_id(r, out.ids);
    if (r.type == perf::kTimeConv) clock = clock_of(r.body);
    return true;
  });
  const auto& units = out.info.units;
  const auto counts = [](const TraceUnit& unit) { return unit.ts_source == uint64_t{1}; };
  if (!units.empty() && std::all_of(units.begin(), units.end(), counts)) out.clock = clock;
  return out;
}

}  // namespace tracectl::coresight
