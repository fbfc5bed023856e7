// SPDX-License-Identifier: MIT
// A64 instructions as the flow decoder's graph wants them: what ends a node is what has an atom.
#pragma once

#include "backends/coresight/metadata.hpp"
#include "decode/flow_graph.hpp"

namespace tracectl::coresight {

inline constexpr decode::FlowRules kA64Rules = {decode::Isa::a64, true};

// For a unit's trace. Encodings that versions of OpenCSD may read differently are no instructions.
[[nodiscard]] decode::ReadInsn a64_reader(const TraceUnit& unit);

}  // namespace tracectl::coresight
