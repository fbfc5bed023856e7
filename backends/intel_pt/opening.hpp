// SPDX-License-Identifier: MIT
// What stands in front of a trace that begins at a packet but not at a PSB: a PSB+ that says nothing.
//
// The unit writes PSBs by a count of bytes that is the cpu's: a thread whose trace starts there may
// have none in front. Its last IP is forgotten whenever trace is switched on, as at a PSB.
// Source: SDM vol. 3, "Trace Enable" (TraceEn), "PSB Packet"; arch/x86/events/intel/pt.c, pt_config().
#pragma once

#include <cstddef>
#include <span>

namespace tracectl::intel_pt {

// Empty where the trace begins with a PSB (behind PAD packets, perhaps), or is empty.
[[nodiscard]] std::span<const std::byte> opening_of(std::span<const std::byte> trace);

}  // namespace tracectl::intel_pt
