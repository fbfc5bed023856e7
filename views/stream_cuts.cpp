// SPDX-License-Identifier: MIT
#include "views/stream_cuts.hpp"

#include <algorithm>

namespace tracectl::views {

uint64_t StreamCuts::step_of(const decode::Run& run) {
  constexpr uint64_t kMostPlaces = 4096, kLeast = 1024;  // the latter a multiple of CoreSight's frames, as the step is
  return std::max(kLeast, run.size / kMostPlaces / kLeast * kLeast);
}

const decode::Run* StreamCuts::run_at(uint64_t place) const {
  for (const decode::Run& run : runs_)
    if (place >= run.begin && place < run.begin + run.size) return &run;
  return nullptr;
}

Result<StreamCut> StreamCuts::at(uint64_t place) const {
  const decode::Run* run = run_at(place);
  if (run == nullptr || place == run->begin) return StreamCut{place, place};
  const uint64_t end = run->begin + run->size, step = step_of(*run);
  for (uint64_t from = run->begin + (place - run->begin + step - 1) / step * step; from < end;) {
    const auto start = next_start_(from, end);
    if (!start) return tl::unexpected<Error>(start.error());
    if (*start >= end) break;
    const auto cut = try_at(*run, *start);
    if (!cut) return tl::unexpected<Error>(cut.error());
    if (*cut) return **cut;
    from = run->begin + (*start - run->begin) / step * step + step;
  }
  return StreamCut{end, end};
}

// A cut is good where a decoder that begins there finds what one finds that comes by, and they end alike.
Result<std::optional<StreamCut>> StreamCuts::try_at(const decode::Run& run, uint64_t at) const {
  const uint64_t end = run.begin + run.size;
  StreamCut cut{at, at};
  for (uint64_t size = kFirstTry;; size *= 2) {
    const auto next = end - at <= size ? Result<uint64_t>(end) : next_start_(at + size, end);
    if (!next) return tl::unexpected<Error>(next.error());
    cut.behind = *next;
    const auto fresh = probe_(at, cut.behind);
    if (!fresh) return tl::unexpected<Error>(fresh.error());
    if (!fresh->past && cut.behind < end) continue;
    // Nothing ends there any more: all belongs to what is in front.
    if (!fresh->past) return std::optional(StreamCut{end, end});
    if (fresh->counts.damaged()) return std::optional<StreamCut>();
    const auto good = comes_by(run, cut, fresh->counts);
    if (!good) return tl::unexpected<Error>(good.error());
    return *good ? std::optional(cut) : std::nullopt;
  }
}

Result<bool> StreamCuts::comes_by(const decode::Run& run, const StreamCut& cut, const PartCounts& fresh) const {
  for (uint64_t size = kFirstTry;; size *= 2) {
    const bool all = cut.at - run.begin <= size;
    const auto before = all ? Result<uint64_t>(run.begin) : next_start_(cut.at - size, cut.at);
    if (!before) return tl::unexpected<Error>(before.error());
    const bool farthest = all || size >= kFarthest;
    if (*before >= cut.at && !farthest) continue;
    const auto led = probe_(*before, cut.behind);
    if (!led) return tl::unexpected<Error>(led.error());
    // What damage in front does to what follows is known only from the run's begin on.
    if (led->counts.damaged() && *before != run.begin) return false;
    // Else it has not begun in front of the cut.
    if (led->counts.instructions() > fresh.instructions() || farthest) return led->counts.covers(fresh);
  }
}

}  // namespace tracectl::views
