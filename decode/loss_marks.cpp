// SPDX-License-Identifier: MIT
#include "decode/loss_marks.hpp"

#include <algorithm>

#include "core/capture/tally.hpp"
#include "core/perf/records.hpp"
#include "core/perf/uapi.hpp"

namespace tracectl::decode {

namespace {

// A CoreSight sink with memory of its own has written over its oldest trace: what is missing lies in front of
// the trace that the record tells of, behind that of the record before. A TRBE's and an Intel PT's buffer was full:
// it is missing behind. Source: coresight-tmc-etf.c, tmc_update_etf_buffer; coresight-tmc-etr.c, tmc_update_etr_buffer.
bool lost_in_front(const capture::Record& r) {
  const auto aux = perf::parse_aux(r.body);
  return aux && (aux->flags & perf::kAuxFlagTruncated) != 0 &&
         (aux->flags & perf::kAuxFlagFormatMask) != perf::kAuxFormatCoresightRaw;
}

}  // namespace

LossMarks LossMarks::from_capture(const capture::Reader& reader) {
  LossMarks out;
  const bool bounced = reader.aux_info().type == perf::kAuxtraceCsEtm;
  std::map<int32_t, uint64_t> of_tid, of_cpu;  // time of the latest AUX record
  reader.for_each_record([&](const capture::Record& r) {
    if (!capture::tells_loss(r.type)) return true;
    const bool piece = bounced && r.type == PERF_RECORD_AUX, in_front = piece && lost_in_front(r);
    const uint64_t tid_time = in_front ? of_tid[r.tid] : r.time, cpu_time = in_front ? of_cpu[r.cpu] : r.time;
    if (piece) of_tid[r.tid] = of_cpu[r.cpu] = r.time;
    LossTotals here;
    capture::tally(r.type, r.body, here);
    for (size_t i = 0; i < kLossKinds; ++i) {
      if (here.count[i] == 0) continue;
      out.by_tid_[r.tid].push_back({tid_time, static_cast<LossKind>(i), here.count[i]});
      out.by_cpu_[r.cpu].push_back({cpu_time, static_cast<LossKind>(i), here.count[i]});
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
    s.time = mark.time != 0 ? mark.time : time;
    if (!next_.on_loss(s, {mark.kind, 0, 0, kLossMeanings[static_cast<size_t>(mark.kind)]})) return false;
  }
  return true;
}

}  // namespace tracectl::decode
