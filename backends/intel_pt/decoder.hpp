// SPDX-License-Identifier: MIT
// The reference decoder of Intel PT: libipt behind decode::Decoder (libipt's only door).
//
// Units: times are ns of the perf clock, converted from TSC as AUXTRACE_INFO says.
// Errors: damage is a Loss item with libipt's words; decoding goes on at the next PSB.
// Source: Intel SDM vol. 3, "Intel Processor Trace"; tools/perf/util/intel-pt.h for `priv`.
#pragma once

#include <memory>
#include <string>

#include "core/capture/reader.hpp"
#include "decode/decoder.hpp"

namespace tracectl::intel_pt {

// `cpuid`: HEADER_CPUID ("GenuineIntel,6,85,4"); without it no errata are applied.
// Null where tracectl was built without libipt (decoder_off.cpp).
// `config`: the leader's attr.config; it tells the MTC period and which packets to expect.
[[nodiscard]] std::unique_ptr<decode::Decoder> make_decoder(const capture::AuxInfo& info, const std::string& cpuid,
                                                            uint64_t config = 0);

// The same of a capture, which has all three.
[[nodiscard]] std::unique_ptr<decode::Decoder> make_decoder(const capture::Reader& reader);

}  // namespace tracectl::intel_pt
