// SPDX-License-Identifier: MIT
#include "machines/emulated/sink_memory.hpp"

#include <cstring>

#include "backends/coresight/formatter.hpp"
#include "core/perf/ring_records.hpp"

namespace tracectl::emulated {

std::vector<std::byte> SinkMemory::place(const perf::DataRing::Chunk& records) {
  std::vector<std::byte> out(records.a.begin(), records.a.end());
  out.insert(out.end(), records.b.begin(), records.b.end());
  perf::RingRecords each(out, {});
  while (each.next()) {
    uint64_t aux[3];  // offset, size, flags
    if (each.header().type != PERF_RECORD_AUX || each.header().size < sizeof(perf_event_header) + sizeof aux) continue;
    std::byte* const at = out.data() + each.at() + sizeof(perf_event_header);
    std::memcpy(aux, at, sizeof aux);
    const bool at_end = (aux[2] & perf::kAuxFlagOverwrite) != 0;  // the offset is the end's
    const Placed placed{at_end ? aux[0] - aux[1] : aux[0], aux[1], end_};
    aux[1] = coresight::size_in_frames(placed.size);
    end_ += aux[1];
    aux[0] = at_end ? end_ : placed.framed;
    std::memcpy(at, aux, sizeof aux);
    if (placed.size != 0) placed_.push_back(placed);
  }
  return out;
}

SinkMemory::Frames SinkMemory::take(uint64_t begin, std::span<const std::byte> trace) {
  Frames out;
  while (!placed_.empty()) {
    const Placed p = placed_.front();
    if (p.begin < begin || p.begin + p.size > begin + trace.size()) break;
    if (out.bytes.empty()) out.begin = p.framed;
    coresight::append_frames(out.bytes, trace_id_, trace.subspan(p.begin - begin, p.size));
    out.taken = p.begin + p.size - begin;
    placed_.pop_front();
  }
  return out;
}

}  // namespace tracectl::emulated
