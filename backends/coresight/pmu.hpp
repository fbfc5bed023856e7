// SPDX-License-Identifier: MIT
// The cs_etm PMU: what the bits of its event's config mean.
//
// Source: drivers/hwtracing/coresight/coresight-etm-perf.c, PMU_FORMAT_ATTR; include/linux/coresight-pmu.h.
#pragma once

#include <cstdint>

#include "core/resolved_plan.hpp"

namespace tracectl::coresight {

// config; which of the two context ids means a process is format/contextid's to say: EL1's where the kernel runs
// at EL1, EL2's where it runs at EL2.
inline constexpr uint64_t kPresetMask = 0xf, kBranchBroadcast = 1u << 8, kCycAcc = 1u << 12;
inline constexpr uint64_t kContextId1 = 1u << 14, kContextId2 = 1u << 15;
inline constexpr uint64_t kTimestamp = 1u << 28, kReturnStack = 1u << 29;
// config2: the sink's id in bits 31:0, the complex configuration's in 63:32. config3: cc_threshold in 11:0.
inline constexpr unsigned kConfigIdShift = 32;
inline constexpr uint64_t kCcThresholdMask = 0xfff;

// perf_event_attr.config of the leader; `context_bit` is kContextId1 or kContextId2.
[[nodiscard]] uint64_t config_bits(const CoresightConfig&, uint64_t context_bit = kContextId1);

// TRCCONFIGR (Arm ARM, "TRCCONFIGR, Trace Configuration Register") as a config gives it to a unit: the form that
// AUXTRACE_INFO holds and that decoders read.
inline constexpr uint64_t kTrcBranchBroadcast = 1u << 3, kTrcCycleCount = 1u << 4, kTrcContextId = 1u << 6;
inline constexpr uint64_t kTrcVmid = 1u << 7, kTrcTimestamp = 1u << 11, kTrcReturnStack = 1u << 12, kTrcVmidOpt = 1u << 15;
[[nodiscard]] uint64_t trcconfigr(uint64_t config);

}  // namespace tracectl::coresight
