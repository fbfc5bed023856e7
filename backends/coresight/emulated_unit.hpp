// SPDX-License-Identifier: MIT
// The trace unit that the emulated machine plays: what its registers say, so that a decoder expects what
// encoder.hpp writes.
//
// Source: Arm ARM, "ETE and trace unit registers"; ARM IHI 0064, chapter 7.
#pragma once

#include "backends/coresight/metadata.hpp"
#include "core/capture/event_setups.hpp"
#include "core/resolved_plan.hpp"

namespace tracectl::coresight {

// A trace of TRBE does not carry it, but decoders want one.
inline constexpr uint8_t kEmulatedTraceId = 0x10;

// One unit, whichever cpu its thread is on: each thread has its own buffer. Time stamps are ns of the perf clock.
[[nodiscard]] TraceUnit emulated_unit(const CoresightConfig&);
// AUXTRACE_INFO of a capture by the emulated machine. `snapshot`: fragments may overlap.
[[nodiscard]] capture::AuxInfo emulated_info(const CoresightConfig&, bool snapshot);
// Its AUX-area event.
[[nodiscard]] capture::EventSetup emulated_leader(const CoresightConfig&, bool start_paused, uint64_t id);

}  // namespace tracectl::coresight
