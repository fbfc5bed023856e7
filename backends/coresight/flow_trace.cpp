// SPDX-License-Identifier: MIT
#include "backends/coresight/flow_trace.hpp"

#include <algorithm>

namespace tracectl::coresight {

FlowTrace FlowTrace::raw(std::span<const std::byte> trace) {
  FlowTrace out;
  out.bytes_ = {reinterpret_cast<const uint8_t*>(trace.data()), trace.size()};
  return out;
}

std::optional<FlowTrace> FlowTrace::of_frames(std::span<const std::byte> frames, const TraceIds& ids) {
  if (frames.size() > kMostFrames) return std::nullopt;
  FlowTrace out;
  out.framed_ = true;
  out.copy_.reserve(frames.size());
  for (uint64_t at = 0; frames.size() - at >= kFrameSize; at += kFrameSize)
    if (!out.add_frame(frames.subspan(at, kFrameSize), at, ids)) return std::nullopt;
  out.bytes_ = out.copy_;
  return out;
}

bool FlowTrace::add_frame(std::span<const std::byte> frame, uint64_t offset, const TraceIds& ids) {
  if (std::equal(kFrameSync.begin(), kFrameSync.end(), frame.begin())) return false;
  const auto byte = [frame](size_t i) { return static_cast<uint8_t>(frame[i]); };
  const unsigned flags = byte(kFrameSize - 1);
  // OpenCSD counts a part's bytes from the frame's begin, or from the place of the id where another part was in front.
  uint64_t next = offset;
  const auto put = [&](uint8_t value) { return add(value, next++, ids); };
  bool any = false;
  for (size_t i = 0; i < kFrameSize - 1; i += 2) {
    const bool flag = (flags >> (i / 2) & 1) != 0, last = i == kFrameSize - 2;
    if ((byte(i) & 1) == 0) {
      if (!put(static_cast<uint8_t>(byte(i) | (flag ? 1 : 0)))) return false;
      any = true;
      if (!last && !put(byte(i + 1))) return false;
      continue;
    }
    const uint8_t id = byte(i) >> 1;
    const bool changes = id != now_, old_first = changes && flag && !last;
    if (old_first && !put(byte(i + 1))) return false;
    any |= old_first;
    now_ = id;
    if (changes && any) next = offset + i, any = false;
    if (last || old_first) continue;
    if (!put(byte(i + 1))) return false;
    any = true;
  }
  return true;
}

// False: of a second unit.
bool FlowTrace::add(uint8_t byte, uint64_t offset, const TraceIds& ids) {
  if (!ids[now_]) return true;
  if (id_ == 0) id_ = now_;
  if (id_ != now_) return false;
  const uint64_t at = copy_.size();
  if (parts_.empty() || at + (parts_.back().offset - parts_.back().begin) != offset) parts_.push_back({at, offset});
  copy_.push_back(byte);
  return true;
}

void FlowTrace::find(uint64_t at) const {
  const auto behind =
      std::upper_bound(parts_.begin(), parts_.end(), at, [](uint64_t a, const Part& part) { return a < part.begin; });
  if (behind == parts_.begin()) return;
  const Part& part = *std::prev(behind);
  from_ = part.begin;
  to_ = behind == parts_.end() ? ~uint64_t{0} : behind->begin;
  ahead_ = part.offset - part.begin;
}

}  // namespace tracectl::coresight
