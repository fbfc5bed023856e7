// SPDX-License-Identifier: MIT
// AutoFdo: what a trace tells of one binary, as a Profile. Every branch of the trace counts; nothing is sampled.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "decode/load_segments.hpp"
#include "profile/profile.hpp"
#include "views/context.hpp"
#include "views/edge_table.hpp"

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
  explicit AutoFdo(ProfiledBinary binary) : binary_(std::move(binary)) {
    profile_.path = binary_.path;
    profile_.build_id = binary_.build_id;
  }

  class Stream final : public decode::ItemSink {
   public:
    Stream(AutoFdo& whole, const StreamContext& context) : whole_(whole), context_(context) {}
    bool on_block(const decode::Stamp& stamp, const decode::Block& block) override;
    // Counted blocks all end with a branch, or an ISB.
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

  [[nodiscard]] const profile::Profile& profile() const { return profile_; }
  // Why it is empty: a sentence for people.
  [[nodiscard]] Error why_empty() const;

 private:
  void fold(const EdgeTable& edges, decode::Locator& locator, uint64_t time);
  [[nodiscard]] std::optional<uint64_t> address_in(const decode::Place& place) const;

  ProfiledBinary binary_;
  profile::Profile profile_;
  std::map<std::string, uint64_t> elsewhere_;  // instructions by name of the file that they were in
  std::set<std::string> other_builds_;         // build-ids of files with the binary's name
};

}  // namespace tracectl::views
