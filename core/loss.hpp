// SPDX-License-Identifier: MIT
// Loss: everything that a trace may lack, as data. Every kind is always reported, 0 or not.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace tracectl {

enum class LossKind : uint8_t {
  truncated,         // AUX record with PERF_AUX_FLAG_TRUNCATED: the buffer was full
  overwritten,       // ring mode: older trace overwritten before it was kept
  partial,           // PERF_AUX_FLAG_PARTIAL: gaps inside
  collision,         // PERF_AUX_FLAG_COLLISION
  overflow,          // OVF packet: the trace unit itself dropped packets
  lost_records,      // PERF_RECORD_LOST: data ring full
  missed_trigger,    // a resume or pause that did not act
  split_window,      // a window cut by a migration or by the end of the session
  undecodable,       // trace bytes that the decoder refused
  unknown_records,   // records of a type that this reader does not know
  untraced_program,  // a child that ran on untraced (other architecture, set-user-ID)
  cut_file,          // the capture ends inside a record, or its recorder was killed
};
inline constexpr size_t kLossKinds = 12;
inline constexpr std::array<const char*, kLossKinds> kLossNames = {
    "truncated",      "overwritten",  "partial",     "collision",       "overflow",         "lost_records",
    "missed_trigger", "split_window", "undecodable", "unknown_records", "untraced_program", "cut_file"};

// For people, behind a count.
inline constexpr std::array<const char*, kLossKinds> kLossMeanings = {
    "times the AUX buffer was full and trace was cut",
    "times older trace was overwritten before it was kept",
    "pieces of trace with gaps inside",
    "collisions in the trace buffer",
    "overflows inside the trace unit",
    "records lost because a data ring was full",
    "resumes or pauses that did not act (a probed function was left without a return)",
    "windows cut by a migration, by a pause by hand or by the end of the session",
    "places in the trace that cannot be decoded",
    "kinds of records that this reader does not know",
    "programs or threads that ran untraced (other architecture, set-user-ID, no buffer left)",
    "places where the capture is cut (tracectl was killed, or the file lacks its end)"};

struct LossTotals {
  std::array<uint64_t, kLossKinds> count{};
  uint64_t& operator[](LossKind k) { return count[static_cast<size_t>(k)]; }
  uint64_t operator[](LossKind k) const { return count[static_cast<size_t>(k)]; }
  [[nodiscard]] bool any() const {
    for (auto n : count)
      if (n != 0) return true;
    return false;
  }
  // Is trace missing? (A missed trigger, a split window and an unknown record type take none away.)
  [[nodiscard]] bool lost_trace() const {
    LossTotals rest = *this;
    for (const auto kind : {LossKind::missed_trigger, LossKind::split_window, LossKind::unknown_records}) rest[kind] = 0;
    return rest.any();
  }
};

// What was recorded together with what decoding met. An overflow is known to both.
inline LossTotals with_decoded(LossTotals recorded, const LossTotals& decoded) {
  const uint64_t overflows = std::max(recorded[LossKind::overflow], decoded[LossKind::overflow]);
  for (size_t i = 0; i < kLossKinds; ++i) recorded.count[i] += decoded.count[i];
  recorded[LossKind::overflow] = overflows;
  return recorded;
}

}  // namespace tracectl
