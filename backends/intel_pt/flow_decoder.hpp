// SPDX-License-Identifier: MIT
// The flow decoder of Intel PT: each block is decoded once and the trace walked over the graph of them. Its items are the
// reference decoder's: where it is not sure of that, libipt decodes the rest of the sync segment.
//
// Errors: refused, in words, where it does not apply to a capture at all.
#pragma once

#include <memory>
#include <string>

#include "backends/intel_pt/flow_chunks.hpp"
#include "core/result.hpp"
#include "decode/decoder.hpp"

namespace tracectl::intel_pt {

// Arguments and null as make_decoder() has them (backends/intel_pt/decoder.hpp).
[[nodiscard]] Result<std::unique_ptr<decode::Decoder>> make_flow_decoder(const capture::AuxInfo& info,
                                                                         const std::string& cpuid, uint64_t config = 0,
                                                                         const FlowThreads& threads = {});

[[nodiscard]] Result<std::unique_ptr<decode::Decoder>> make_flow_decoder(const capture::Reader& reader,
                                                                         const FlowThreads& threads = {});

// How often libipt had to go on, in a decoder of make_flow_decoder().
[[nodiscard]] uint64_t segments_by_libipt(const decode::Decoder& decoder);

}  // namespace tracectl::intel_pt
