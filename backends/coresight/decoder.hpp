// SPDX-License-Identifier: MIT
// The reference decoder of CoreSight's trace units (ETMv3, PTM, ETMv4, ETE): OpenCSD behind decode::Decoder.
//
// Units:  times are ns of the perf clock: the trace's timestamps where they are the cpus' own counter (Facts::clock),
//         else the time of the piece.
// Errors: units that OpenCSD refuses. Damage is a Loss item with OpenCSD's words; decoding goes on at the next
//         synchronization packet.
#pragma once

#include <memory>

#include "backends/coresight/facts.hpp"
#include "decode/decoder.hpp"

namespace tracectl::coresight {

[[nodiscard]] std::unique_ptr<decode::Decoder> make_decoder(Facts facts);

}  // namespace tracectl::coresight
