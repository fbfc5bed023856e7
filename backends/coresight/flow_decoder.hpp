// SPDX-License-Identifier: MIT
// The flow decoder of CoreSight: ETMv4 and ETE trace of A64 code. Each block is decoded once and the trace walked over the
// graph of them. Its items are the reference decoder's: where it is not sure of that, OpenCSD decodes on from the last
// synchronization packet; what it does not know at all (other units, AArch32) is OpenCSD's as a whole.
//
// Errors: as make_decoder()'s.
#pragma once

#include <cstdint>
#include <memory>

#include "backends/coresight/facts.hpp"
#include "decode/decoder.hpp"

namespace tracectl::coresight {

[[nodiscard]] std::unique_ptr<decode::Decoder> make_flow_decoder(Facts facts);

// How often OpenCSD had to decode, in a decoder of make_flow_decoder().
[[nodiscard]] uint64_t segments_by_opencsd(const decode::Decoder& decoder);

}  // namespace tracectl::coresight
