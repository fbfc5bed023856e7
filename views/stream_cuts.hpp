// SPDX-License-Identifier: MIT
// StreamCuts: where a stream may be cut into parts that are decoded each by itself, and add up to the whole
// (docs/design/sharding.md). Who asks for the same place gets the same cut, whatever part he decodes.
//
// Units:  bytes of what is kept of the stream, as StreamBytes joins it.
// Order:  a later place never gets an earlier cut.
// Errors: those of decoding.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "decode/stream_bytes.hpp"
#include "views/part_counts.hpp"

namespace tracectl::views {

struct StreamCut {
  uint64_t at = 0;
  uint64_t behind = 0;  // so far a decoder goes on that comes from in front of `at`; `at` itself where nothing crosses it
  [[nodiscard]] bool crossed() const { return behind != at; }
  bool operator==(const StreamCut&) const = default;
};

// What a decoder that begins at `begin` and stops at `end` finds behind its first branch; `past`: it met one.
struct PartProbe {
  PartCounts counts;
  bool past = false;
};

class StreamCuts {
 public:
  // Decoder::next_start: at or behind the first, at most the second.
  using NextStart = std::function<Result<uint64_t>(uint64_t from, uint64_t end)>;
  using Probe = std::function<Result<PartProbe>(uint64_t begin, uint64_t end)>;

  StreamCuts(std::vector<decode::Run> runs, NextStart next_start, Probe probe)
      : runs_(std::move(runs)), next_start_(std::move(next_start)), probe_(std::move(probe)) {}

  // The cut at or behind a place.
  [[nodiscard]] Result<StreamCut> at(uint64_t place) const;
  // The run that holds a byte; none behind the last.
  [[nodiscard]] const decode::Run* run_at(uint64_t place) const;

 private:
  static constexpr uint64_t kFirstTry = 16u << 10, kFarthest = 1u << 20;  // bytes on either side of a cut
  // Places that are tried for a cut lie so far from each other.
  static uint64_t step_of(const decode::Run& run);
  [[nodiscard]] Result<std::optional<StreamCut>> try_at(const decode::Run& run, uint64_t at) const;
  [[nodiscard]] Result<bool> comes_by(const decode::Run& run, const StreamCut& cut, const PartCounts& fresh) const;

  std::vector<decode::Run> runs_;
  NextStart next_start_;
  Probe probe_;
};

}  // namespace tracectl::views
