// SPDX-License-Identifier: MIT
#include "backends/coresight/pmu.hpp"

namespace tracectl::coresight {

uint64_t config_bits(const CoresightConfig& c, uint64_t context_bit) {
  const auto bit = [](bool on, uint64_t value) { return on ? value : 0; };
  return (c.preset & kPresetMask) | bit(c.branch_broadcast, kBranchBroadcast) | bit(c.cycacc, kCycAcc) |
         bit(c.contextid, context_bit) | bit(c.timestamp, kTimestamp) | bit(c.retstack, kReturnStack);
}

uint64_t trcconfigr(uint64_t config) {
  const auto moved = [config](uint64_t from, uint64_t to) { return (config & from) != 0 ? to : 0; };
  return moved(kBranchBroadcast, kTrcBranchBroadcast) | moved(kCycAcc, kTrcCycleCount) | moved(kContextId1, kTrcContextId) |
         moved(kContextId2, kTrcVmid | kTrcVmidOpt) | moved(kTimestamp, kTrcTimestamp) |
         moved(kReturnStack, kTrcReturnStack);
}

}  // namespace tracectl::coresight
