// SPDX-License-Identifier: MIT
// WholeRanges: blocks joined to runs that end with a branch. Where a decoder cut one for another reason it goes on in the
// next block.
#pragma once

#include <optional>

#include "views/edge_table.hpp"

namespace tracectl::views {

class WholeRanges {
 public:
  void add(const decode::Block& block, EdgeTable& edges) {
    const bool goes_on = pending_ && pending_->last + pending_->last_size == block.ip;
    if (pending_ && !goes_on) end(edges);
    decode::Block whole = block;
    if (goes_on) {
      whole.ip = pending_->ip;
      whole.insns += pending_->insns;
    }
    pending_ = whole;
    // Arm's end with what has an atom: an ISB ends a range, counted or not.
    if (whole.kind != decode::BranchKind::none || whole.isa != decode::Isa::x86_64) end(edges);
  }
  // Trace stops, or something comes between.
  void end(EdgeTable& edges) {
    if (pending_ && pending_->insns != 0) edges.add(*pending_);
    pending_.reset();
  }

 private:
  std::optional<decode::Block> pending_;  // ends without a branch
};

}  // namespace tracectl::views
