// SPDX-License-Identifier: MIT
#include "decode/loss_marks.hpp"

#include <algorithm>

#include "core/capture/tally.hpp"

namespace tracectl::decode {

LossMarks LossMarks::from_capture(const capture::Reader& reader) {
  LossMarks out;
  reader.for_each_record([&](const capture::Record& r) {
    if (!capture::tells_loss(r.type)) return true;
    LossTotals here;
    capture::tally(r.type, r.body, here);
    for (size_t i = 0; i < kLossKinds; ++i) {
      if (here.count[i] == 0) continue;
      out.by_tid_[r.tid].push_back({r.time, static_cast<LossKind>(i), here.count[i]});
      out.by_cpu_[r.cpu].push_back({r.time, static_cast<LossKind>(i), here.count[i]});
    }
    return true;
  });
  const auto earlier = [](const LossMark& a, const LossMark& b) { return a.time < b.time; };
  for (auto* lanes : {&out.by_tid_, &out.by_cpu_})
    for (auto& [key, marks] : *lanes) std::stable_sort(marks.begin(), marks.end(), earlier);
  return out;
}

const std::vector<LossMark>& LossMarks::of(const capture::AuxStream& stream) const {
  static const std::vector<LossMark> none;
  const auto& lanes = stream.tid >= 0 ? by_tid_ : by_cpu_;
  const auto at = lanes.find(stream.tid >= 0 ? stream.tid : stream.cpu);
  return at == lanes.end() ? none : at->second;
}

bool MarkSink::marks_until(Stamp s, uint64_t time) {
  while (said_ < marks_.size() && marks_[said_].time <= time) {
    const LossMark& mark = marks_[said_++];
    s.time = mark.time;
    if (!next_.on_loss(s, {mark.kind, 0, 0, kLossMeanings[static_cast<size_t>(mark.kind)]})) return false;
  }
  return true;
}

}  // namespace tracectl::decode
