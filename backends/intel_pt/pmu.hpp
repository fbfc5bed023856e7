// SPDX-License-Identifier: MIT
// The intel_pt PMU: what the bits of its event's config mean.
//
// Source: arch/x86/events/intel/pt.c, PMU_FORMAT_ATTR; SDM vol. 3, IA32_RTIT_CTL.
#pragma once

#include <cstdint>

#include "core/resolved_plan.hpp"

namespace tracectl::intel_pt {

// As the driver's format attributes place them. Without kPt the driver ignores kBranch.
inline constexpr uint64_t kPt = 1u << 0, kCyc = 1u << 1, kPwrEvt = 1u << 4, kFupOnPtw = 1u << 5, kMtc = 1u << 9;
inline constexpr uint64_t kTsc = 1u << 10, kNoRetComp = 1u << 11, kPtw = 1u << 12, kBranch = 1u << 13;
inline constexpr uint64_t kEvent = uint64_t{1} << 31, kNoTnt = uint64_t{1} << 55;
inline constexpr unsigned kMtcPeriodShift = 14, kCycThreshShift = 19, kPsbPeriodShift = 24;
inline constexpr uint64_t kMtcPeriodMask = uint64_t{0xf} << kMtcPeriodShift;

// perf_event_attr.config of the leader.
[[nodiscard]] uint64_t config_bits(const IntelPtConfig&);

}  // namespace tracectl::intel_pt
