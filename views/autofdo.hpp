// SPDX-License-Identifier: MIT
// AutoFdo: how often each run of instructions of one binary was executed and each branch of it taken, as the text that
// `create_llvm_prof --profiler text` reads. Every branch of the trace counts; nothing is sampled.
//
// Shape:  three sections, each a count and so many lines, ascending: ranges FROM-TO:COUNT (from a branch's target to the
//         next branch, both inclusive), addresses (always 0 lines: the ranges say more), branches FROM->TO:COUNT, those
//         taken within the binary; then the build-id and the path as comments.
// Units:  addresses are hex, relative to the first load segment (decode/load_segments.hpp).
// Source: github.com/google/autofdo, sample_reader.cc (TextSampleReader).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "decode/load_segments.hpp"
#include "views/context.hpp"
#include "views/edge_table.hpp"
#include "views/out.hpp"

namespace tracectl::views {

// The file whose profile is wanted.
struct ProfiledBinary {
  static Result<ProfiledBinary> open(const std::string& path);
  // By build-id; by file name where the capture or the file has none.
  [[nodiscard]] bool is(const decode::Section& section) const;

  std::string path;
  std::string build_id;  // hex; empty when it has none
  decode::LoadSegments segments;
};

class AutoFdo {
 public:
  explicit AutoFdo(ProfiledBinary binary) : binary_(std::move(binary)) {}

  class Stream final : public decode::ItemSink {
   public:
    Stream(AutoFdo& whole, const StreamContext& context) : whole_(whole), context_(context) {}
    bool on_block(const decode::Stamp& stamp, const decode::Block& block) override;
    // Counted blocks all end with a branch.
    [[nodiscard]] bool counts_only() const override { return true; }
    void on_counted(const decode::Stamp& stamp, std::span<const decode::Block> blocks, uint64_t times) override;
    bool on_event(const decode::Stamp& stamp, const decode::Event& event) override;
    bool on_loss(const decode::Stamp& stamp, const decode::Loss& loss) override;
    void finish();
    [[nodiscard]] uint64_t losses() const { return losses_; }

   private:
    void at_time(uint64_t time);
    void end_range();
    AutoFdo& whole_;
    const StreamContext& context_;
    EdgeTable edges_;
    std::optional<decode::Block> pending_;  // ends without a branch: the next one may go on
    uint64_t time_ = 0, losses_ = 0;
  };

  void print(Out& out) const;
  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  // Why it is: a sentence for people. `images`: of the capture.
  [[nodiscard]] Error why_empty() const;

 private:
  using Pair = std::pair<uint64_t, uint64_t>;
  void fold(const EdgeTable& edges, decode::Locator& locator, uint64_t time);
  [[nodiscard]] std::optional<uint64_t> address_in(const decode::Place& place) const;

  ProfiledBinary binary_;
  std::map<Pair, uint64_t> ranges_, branches_;
  std::map<std::string, uint64_t> elsewhere_;  // instructions by name of the file that they were in
  std::set<std::string> other_builds_;         // build-ids of files with the binary's name
};

}  // namespace tracectl::views
