// SPDX-License-Identifier: MIT
// A capture and its decoders, the reference and the flow decoder, as the command picks them: by what AUXTRACE_INFO says.
#pragma once

#include <memory>
#include <string>

#include "backends/coresight/decoder.hpp"
#include "backends/coresight/flow_decoder.hpp"
#include "backends/coresight/snapshot_capture.hpp"
#include "backends/intel_pt/decoder.hpp"
#include "backends/intel_pt/flow_decoder.hpp"
#include "core/capture/snapshot.hpp"
#include "core/perf/uapi.hpp"

namespace tracectl::flow_test {

inline bool is_coresight(const capture::Reader& reader) { return reader.aux_info().type == perf::kAuxtraceCsEtm; }

// A capture, or a CoreSight snapshot directory.
inline Result<capture::Reader> open_capture(const std::string& path) {
  return capture::is_snapshot(path) ? coresight::open_snapshot(path) : capture::Reader::open(path);
}

inline Result<std::unique_ptr<decode::Decoder>> make_decoder(const capture::Reader& reader, bool flow,
                                                             const intel_pt::FlowThreads& threads = {}) {
  if (!is_coresight(reader)) {
    if (flow) return intel_pt::make_flow_decoder(reader, threads);
    return intel_pt::make_decoder(reader);
  }
  auto facts = coresight::facts_of(reader);
  if (!facts) return tl::unexpected<Error>(facts.error());
  return flow ? coresight::make_flow_decoder(std::move(*facts)) : coresight::make_decoder(std::move(*facts));
}

// One that lists packets. OpenCSD 1.3.3 lists none of an ETE: those that an ETMv4 has too look alike.
inline std::unique_ptr<decode::Decoder> make_lister(const capture::Reader& reader) {
  auto facts = coresight::facts_of(reader);
  if (!facts) return nullptr;
  for (auto& unit : facts->info.units) {
    if (unit.architecture != coresight::Architecture::ete) continue;
    unit.architecture = coresight::Architecture::etmv4;
    unit.idr1 = (unit.idr1 & ~uint64_t{0xff0}) | 0x450;  // version 4.5
  }
  return coresight::make_decoder(std::move(*facts));
}

// What the flow decoder left to the reference.
inline uint64_t segments_left(const capture::Reader& reader, const decode::Decoder& flow) {
  return is_coresight(reader) ? coresight::segments_by_opencsd(flow) : intel_pt::segments_by_libipt(flow);
}

}  // namespace tracectl::flow_test
