// SPDX-License-Identifier: MIT
// TraceTime: the time that the packets of a trace tell. TSC says it; MTC counts periods of another clock on from there, and
// CYC cycles between those, whose length is measured from what came before (MTC, TSC, the core's ratio).
//
// It computes what libipt computes, rounding and remembering as it does, so that both decoders tell one time.
// Units: ticks of the TSC. Errors: false where libipt calls a packet wrong.
// Source: Intel SDM vol. 3, "Intel Processor Trace", section "Tracing Timing"; cpuid leaf 0x15.
#pragma once

#include <cstdint>

namespace tracectl::intel_pt {

// What the packets themselves do not tell.
struct TimeFacts {
  uint32_t ctc_n = 0, ctc_d = 0;  // TSC ticks of a CTC tick, as a fraction; 0: not known
  uint8_t mtc_freq = 0;           // an MTC is sent each 2^mtc_freq CTC ticks
  uint8_t nominal = 0;            // the core's ratio at which a cycle is a tick; 0: not known
  bool lost_cycles = false;       // SKL168: a CYC in front of a PSB may be missing
  bool between_branches = false;  // MTC or CYC are to be expected
};

class TraceTime {
 public:
  explicit TraceTime(const TimeFacts& facts) : facts_(facts) {}

  // Without a TSC so far, what MTC and CYC add up to.
  [[nodiscard]] uint64_t now() const { return now_; }
  [[nodiscard]] bool known() const { return known_; }

  void forget() { *this = TraceTime(facts_); }
  void on_psb() { cycles_.after_psb = facts_.lost_cycles; }
  void on_overflow() { cycles_ = {}; }
  [[nodiscard]] bool on_tsc(uint64_t tsc, bool in_psb);
  [[nodiscard]] bool on_cbr(uint8_t ratio, bool in_psb);
  [[nodiscard]] bool on_tma(uint16_t ctc, uint16_t fast);
  [[nodiscard]] bool on_mtc(uint8_t ctc);
  [[nodiscard]] bool on_cyc(uint64_t cycles);

 private:
  // Of CTC ticks between two MTCs; `known`: as TSC ticks too.
  struct Span {
    uint32_t ctc = 0;
    uint64_t ticks = 0;
    bool known = false;
  };
  [[nodiscard]] bool span(uint32_t from, uint32_t to, Span& out) const;
  [[nodiscard]] uint32_t bits_of_mtc() const { return facts_.mtc_freq + 8u; }
  [[nodiscard]] bool measure(uint32_t ctc);
  [[nodiscard]] bool cyc_was_lost(const Span& span, uint64_t cycles) const;
  void set_length(uint64_t length);

  TimeFacts facts_;
  uint64_t now_ = 0, base_ = 0;        // base_: at the last TSC or MTC
  uint64_t fast_ = 0;                  // ticks since
  uint32_t ctc_ = 0, ctc_of_cyc_ = 0;  // at the last MTC or TMA; at the last one that a CYC has counted from
  bool known_ = false, have_tma_ = false, have_mtc_ = false, skipped_cyc_ = false;

  // How long a cycle is.
  struct Cycles {
    uint64_t length = 0;  // ticks, times 256
    bool known = false;
    uint64_t since_mtc = 0, since_tsc = 0;  // cycles
    uint64_t tsc = 0;
    uint32_t ctc = 0;
    bool have_mtc = false, after_psb = false;
  };
  Cycles cycles_;
};

}  // namespace tracectl::intel_pt
