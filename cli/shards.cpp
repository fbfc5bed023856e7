// SPDX-License-Identifier: MIT
#include "cli/shards.hpp"

#include <algorithm>
#include <utility>

#include "core/perf/uapi.hpp"
#include "decode/stream_bytes.hpp"
#include "decode/stream_slice.hpp"
#include "views/behind_branch.hpp"
#include "views/filters.hpp"
#include "views/stream_cuts.hpp"

namespace tracectl::cli {
namespace {

// One source of one stream.
class StreamParts {
 public:
  StreamParts(OpenCapture& capture, const CaptureOptions& options, const capture::AuxStream& stream,
              const decode::LossMarks& marks)
      : capture_(capture), options_(options), stream_(stream), marks_(marks) {}

  // What lies from the cut for `begin` to the one for `end`.
  Result<bool> add(uint64_t begin, uint64_t end, views::AutoFdo& profile);

 private:
  [[nodiscard]] Result<uint64_t> next_start(uint64_t from, uint64_t end) const;
  [[nodiscard]] Result<views::PartProbe> probe(uint64_t begin, uint64_t end);
  Result<> count(uint64_t begin, uint64_t end, bool behind_branch, views::AutoFdo& profile);

  OpenCapture& capture_;
  const CaptureOptions& options_;
  const capture::AuxStream& stream_;
  const decode::LossMarks& marks_;
  bool lossy_ = false;
};

// Bytes are joined a few at a time: a sync point is near.
Result<uint64_t> StreamParts::next_start(uint64_t from, uint64_t end) const {
  constexpr uint64_t kLongest = 64;  // of what makes a sync point; a multiple of CoreSight's frames
  for (uint64_t size = 256u << 10;; size *= 2) {
    const uint64_t to = end - from <= size ? end : from + size;
    const auto slice = decode::slice_of(stream_, from, to);
    const auto bytes = decode::StreamBytes::of(capture_.reader, slice);
    if (!bytes) return tl::unexpected<Error>(bytes.error());
    const uint64_t at = capture_.decoder->next_start(stream_, bytes->bytes(), 0);
    if (at < bytes->bytes().size()) return from + at;
    if (to == end) return end;
    from = to - kLongest;
  }
}

Result<views::PartProbe> StreamParts::probe(uint64_t begin, uint64_t end) {
  views::PartProbe out;
  const auto slice = decode::slice_of(stream_, begin, end);
  const auto done = visit_part(capture_, options_, slice, marks_, [&](StreamVisit& visit) -> Result<bool> {
    views::BehindBranch behind(out.counts);
    if (auto result = visit.decode(behind); !result) return tl::unexpected<Error>(result.error());
    out.counts.finish();
    out.past = behind.past();
    return true;
  });
  if (!done) return tl::unexpected<Error>(done.error());
  return out;
}

Result<> StreamParts::count(uint64_t begin, uint64_t end, bool behind_branch, views::AutoFdo& profile) {
  if (begin >= end) return {};
  const auto slice = decode::slice_of(stream_, begin, end);
  return visit_part(capture_, options_, slice, marks_, [&](StreamVisit& visit) -> Result<bool> {
    views::AutoFdo::Stream sink(profile, visit.context);
    views::OnlyWindow window(visit.context, options_.window, sink);
    decode::ItemSink& wanted = options_.window != 0 ? static_cast<decode::ItemSink&>(window) : sink;
    views::BehindBranch behind(wanted);
    if (auto result = visit.decode(behind_branch ? behind : wanted); !result) return tl::unexpected<Error>(result.error());
    sink.finish();
    lossy_ = lossy_ || sink.losses() != 0;
    return true;
  });
}

Result<bool> StreamParts::add(uint64_t begin, uint64_t end, views::AutoFdo& profile) {
  const views::StreamCuts cuts(
      decode::runs_of(stream_), [this](uint64_t from, uint64_t to) { return next_start(from, to); },
      [this](uint64_t from, uint64_t to) { return probe(from, to); });
  const auto from = cuts.at(begin), to = cuts.at(end);
  if (!from) return tl::unexpected<Error>(from.error());
  if (!to) return tl::unexpected<Error>(to.error());
  if (from->at >= to->at) return false;
  // Behind a cut, its run; then whole runs, and what has begun in front of the other cut; less what belongs behind it.
  uint64_t at = from->at;
  if (from->crossed()) {
    const decode::Run& run = *cuts.run_at(at);
    const uint64_t run_end = std::min(run.begin + run.size, to->behind);
    if (auto done = count(at, run_end, true, profile); !done) return tl::unexpected<Error>(done.error());
    at = run_end;
  }
  if (auto done = count(at, to->behind, false, profile); !done) return tl::unexpected<Error>(done.error());
  if (!to->crossed()) return lossy_;
  views::AutoFdo behind(profile.binary());
  if (auto done = count(to->at, to->behind, true, behind); !done) return tl::unexpected<Error>(done.error());
  if (!profile.subtract(behind))
    return fail("a part of the capture does not fit the next one: the trace is damaged where they meet",
                "another number of shards, or none");
  return lossy_;
}

// To the begin of a frame: a multiple of bytes that is one of frames too, from the begin of its run.
uint64_t frame_at(const std::vector<decode::Run>& runs, uint64_t place) {
  constexpr uint64_t kFrames = 64;
  for (const decode::Run& run : runs)
    if (place >= run.begin && place < run.begin + run.size) return place - (place - run.begin) % kFrames;
  return place;
}

// CoreSight's frames may hold several units' trace. Who has none in a part adds nothing to it.
Result<std::vector<decode::Source>> sources_of(OpenCapture& capture, const capture::AuxStream& stream, uint64_t begin,
                                               uint64_t end) {
  const bool several = capture.reader.aux_info().type == perf::kAuxtraceCsEtm && !stream.raw && stream.tid < 0;
  const auto slice = decode::slice_of(stream, frame_at(decode::runs_of(stream), begin), several ? end : begin);
  const auto bytes = decode::StreamBytes::of(capture.reader, slice);
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  return capture.decoder->sources(slice, bytes->bytes());
}

Result<bool> add_stream(OpenCapture& capture, const CaptureOptions& options, const capture::AuxStream& stream,
                        const decode::LossMarks& marks, uint64_t begin, uint64_t end, views::AutoFdo& profile) {
  const auto sources = sources_of(capture, stream, begin, end);
  if (!sources) return tl::unexpected<Error>(sources.error());
  bool lossy = false;
  const decode::LossMarks none;  // the losses that records tell of are said once
  for (const decode::Source& source : *sources) {
    capture::AuxStream one = stream;
    one.source = source.id;
    one.cpu = source.cpu;
    auto done = StreamParts(capture, options, one, &source == sources->data() ? marks : none).add(begin, end, profile);
    if (!done) return done;
    lossy = lossy || *done;
  }
  return lossy;
}

}  // namespace

uint64_t trace_bytes(const OpenCapture& capture, const CaptureOptions& options) {
  uint64_t out = 0;
  for (const auto& stream : selected_streams(capture, options)) out += stream.size;
  return out;
}

Result<bool> add_part(OpenCapture& capture, const CaptureOptions& options, uint64_t begin, uint64_t end,
                      views::AutoFdo& profile) {
  bool lossy = false;
  decode::LossMarks marks;
  if (capture.reader.loss().any()) marks = decode::LossMarks::from_capture(capture.reader);
  uint64_t at = 0;  // of the stream's begin
  for (const auto& stream : selected_streams(capture, options)) {
    const uint64_t from = std::clamp(begin, at, at + stream.size) - at, to = std::clamp(end, at, at + stream.size) - at;
    at += stream.size;
    if (from == to) continue;
    auto done = add_stream(capture, options, stream, marks, from, to, profile);
    if (!done) return done;
    lossy = lossy || *done;
  }
  return lossy;
}

}  // namespace tracectl::cli
