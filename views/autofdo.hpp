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
#include "views/whole_ranges.hpp"

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
    AutoFdo& whole_;
    const StreamContext& context_;
    EdgeTable edges_;
    WholeRanges ranges_;
    uint64_t time_ = 0, losses_ = 0;
  };

  [[nodiscard]] const ProfiledBinary& binary() const { return binary_; }
  [[nodiscard]] const profile::Profile& profile() const { return profile_; }
  // The same of another one taken away, of the same binary. False: it has more.
  [[nodiscard]] bool subtract(const AutoFdo& other);
  // Instructions that ran in the binary, and all.
  [[nodiscard]] uint64_t instructions() const { return instructions_; }
  [[nodiscard]] uint64_t all_instructions() const;
  // Another build of the binary ran.
  [[nodiscard]] bool other_build() const { return !other_builds_.empty(); }
  // Why it is empty: the end of a sentence for people.
  [[nodiscard]] Error why_empty() const;

 private:
  void fold(const EdgeTable& edges, decode::Locator& locator, uint64_t time);
  [[nodiscard]] bool in_binary(const decode::Place& place) const {
    return place.section != nullptr && binary_.is(*place.section);
  }
  [[nodiscard]] std::optional<uint64_t> address_in(const decode::Place& place) const;

  ProfiledBinary binary_;
  profile::Profile profile_;
  uint64_t instructions_ = 0, unloaded_ = 0;   // in the binary; of them in no segment that it loads
  std::map<std::string, uint64_t> elsewhere_;  // instructions by name of the file that they were in
  std::set<std::string> other_builds_;         // build-ids of files with the binary's name
};

}  // namespace tracectl::views
