// SPDX-License-Identifier: MIT
#include "backends/intel_pt/pmu.hpp"

namespace tracectl::intel_pt {

uint64_t config_bits(const IntelPtConfig& c) {
  const auto bit = [](bool on, uint64_t value) { return on ? value : 0; };
  return kPt | bit(c.cyc, kCyc) | bit(c.pwr_evt, kPwrEvt) | bit(c.fup_on_ptw, kFupOnPtw) | bit(c.mtc, kMtc) |
         bit(c.tsc, kTsc) | bit(c.noretcomp, kNoRetComp) | bit(c.ptw, kPtw) | bit(c.branch, kBranch) | bit(c.event, kEvent) |
         bit(c.notnt, kNoTnt) | uint64_t{c.mtc_period & 0xf} << kMtcPeriodShift |
         uint64_t{c.cyc_thresh & 0xf} << kCycThreshShift | uint64_t{c.psb_period & 0xf} << kPsbPeriodShift;
}

}  // namespace tracectl::intel_pt
