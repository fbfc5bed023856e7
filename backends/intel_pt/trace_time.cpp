// SPDX-License-Identifier: MIT
#include "backends/intel_pt/trace_time.hpp"

namespace tracectl::intel_pt {
namespace {

constexpr unsigned kFraction = 8;  // bits of a cycle's length behind the point
constexpr unsigned kTscBits = 56;  // of a TSC packet
constexpr unsigned kTmaBits = 16;  // of the CTC in a TMA packet
constexpr uint32_t kTmaMask = (1u << kTmaBits) - 1;

}  // namespace

// False: more than once around.
bool TraceTime::span(uint32_t from, uint32_t to, Span& out) const {
  if (to < from) to += 1u << bits_of_mtc();
  if (to < from) return false;
  out.ctc = to - from;
  out.known = facts_.ctc_n != 0 && facts_.ctc_d != 0;
  if (out.known) out.ticks = uint64_t{out.ctc} * facts_.ctc_n / facts_.ctc_d;
  return true;
}

void TraceTime::set_length(uint64_t length) {
  cycles_.length = length;
  cycles_.known = true;
}

bool TraceTime::on_tsc(uint64_t tsc, bool in_psb) {
  Cycles& c = cycles_;
  const uint64_t before = c.tsc, counted = c.since_tsc;
  c.tsc = tsc;
  c.since_tsc = 0;
  // One that is not of a PSB+ stands where time was lost.
  if (in_psb && before != 0 && counted != 0 && !c.have_mtc) {
    const uint64_t after = tsc < before ? tsc + (uint64_t{1} << kTscBits) : tsc;
    set_length(((after - before) << kFraction) / counted);
  }
  known_ = true;
  have_tma_ = have_mtc_ = skipped_cyc_ = false;
  now_ = base_ = tsc;
  ctc_ = 0;
  fast_ = 0;
  return true;
}

bool TraceTime::on_cbr(uint8_t ratio, bool in_psb) {
  // Elsewhere the frequency has changed.
  if (!in_psb) cycles_ = {};
  if (ratio == 0) return false;
  if (facts_.nominal != 0) set_length((uint64_t{facts_.nominal} << kFraction) / ratio);
  return true;
}

bool TraceTime::on_tma(uint16_t ctc, uint16_t fast) {
  if (!known_ || have_tma_ || have_mtc_) return false;
  have_tma_ = true;
  base_ -= fast;
  fast_ += fast;
  // Where it has all the bits of an MTC it is as good as one; else the next MTC tells the rest.
  if (bits_of_mtc() <= kTmaBits) have_mtc_ = true;
  ctc_ = ctc_of_cyc_ = ctc & ((1u << bits_of_mtc()) - 1);
  return true;
}

bool TraceTime::on_mtc(uint8_t packet) {
  const uint32_t ctc = uint32_t{packet} << facts_.mtc_freq;
  if (!measure(ctc)) return false;
  // Between a TSC and its TMA it cannot be placed.
  if (known_ && !have_tma_) return true;
  const bool first = !have_mtc_;
  uint32_t from = ctc_;
  if (fast_ != 0 || skipped_cyc_ || first) ctc_of_cyc_ = ctc;
  have_mtc_ = true;
  skipped_cyc_ = false;
  fast_ = 0;
  ctc_ = ctc;
  if (first) {
    if (!have_tma_) return true;
    // The upper bits, which the TMA had no room for, are this one's, or one less where the lower ones went around.
    uint32_t upper = ctc & ~kTmaMask;
    if ((ctc & kTmaMask) < from) upper = (upper - (1u << kTmaBits)) & (0xffu << facts_.mtc_freq);
    from |= upper;
  }
  Span passed;
  if (!span(from, ctc, passed)) return false;
  if (!passed.known) return true;
  now_ = base_ += passed.ticks;
  return true;
}

// The length of a cycle from two MTCs and the cycles between them.
bool TraceTime::measure(uint32_t ctc) {
  Cycles& c = cycles_;
  const bool after_psb = c.after_psb;
  c.after_psb = false;
  if (!c.have_mtc) {
    c.since_mtc = 0;
    c.ctc = ctc;
    c.have_mtc = true;
    return true;
  }
  // None: at the next one, over both.
  if (c.since_mtc == 0) return true;
  const uint64_t counted = c.since_mtc;
  Span passed;
  const bool fits = span(c.ctc, ctc, passed);
  c.since_mtc = 0;
  c.ctc = ctc;
  if (!fits) return false;
  if (!passed.known) return true;
  if (passed.ticks >> (64 - kFraction) != 0) return false;
  if (after_psb && cyc_was_lost(passed, counted)) return true;
  set_length((passed.ticks << kFraction) / counted);
  return true;
}

// SKL168: the counter of those processors goes around at 4096 cycles; one round less some variation would be missing.
bool TraceTime::cyc_was_lost(const Span& passed, uint64_t counted) const {
  constexpr uint64_t kRound = 0xf00;
  constexpr unsigned kShortPeriods = 10;  // longer ones vary by more than a round
  if (passed.ctc > 1u << facts_.mtc_freq) return true;
  if (facts_.mtc_freq >= kShortPeriods || !cycles_.known) return false;
  return (cycles_.length * (counted + kRound)) >> kFraction < passed.ticks;
}

bool TraceTime::on_cyc(uint64_t counted) {
  Cycles& c = cycles_;
  c.since_mtc += counted;
  c.since_tsc += counted;
  if (!c.known || c.length == 0) {
    skipped_cyc_ = true;
    return true;
  }
  // The first one behind an MTC may have begun in periods before: these are taken off.
  if (fast_ == 0 && ctc_ != ctc_of_cyc_) {
    Span before;
    if (!span(ctc_of_cyc_, ctc_, before)) return false;
    if (!before.known) return true;
    const uint64_t old = (before.ticks << kFraction) / c.length;
    counted = counted < old ? 0 : counted - old;
  }
  fast_ += (counted * c.length) >> kFraction;
  now_ = base_ + fast_;
  return true;
}

}  // namespace tracectl::intel_pt
