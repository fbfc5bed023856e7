// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>

#include "core/protobuf.hpp"
#include "core/utf8.hpp"
#include "profile/branch_list.hpp"
#include "profile/branch_list_fields.hpp"

namespace tracectl::profile {
namespace {

using decode::BranchKind;
namespace fields = branch_list_fields;

class Writer {
 public:
  Writer(const Profile& profile, A64Code& code) : code_(code) {
    for (const auto& [branch, count] : profile.branches) add(taken_[branch.first], count);
    for (const auto& [range, count] : profile.ranges) this->range(range.first + code.base(), range.second, count);
    for (const auto& [from, left] : taken_) add(out_.unfitting, left);
  }
  BranchList finish(const Profile& profile);

 private:
  static void add(uint64_t& to, uint64_t more) { to = sum(to, more); }
  void range(uint64_t begin, uint64_t last, uint64_t count);
  void branch(const decode::FlowNode& run, uint64_t last, uint64_t count);

  A64Code& code_;
  BranchList out_;
  std::map<uint64_t, uint64_t> taken_;                      // by branch: so often, of which no range told yet
  std::map<uint64_t, std::array<uint64_t, 2>> by_address_;  // how often not taken, and taken
};

// `last` is relative to the first segment.
void Writer::range(uint64_t begin, uint64_t last, uint64_t count) {
  const uint64_t end = last + code_.base();
  for (;;) {
    const decode::FlowNode* run = code_.run(begin);
    if (run == nullptr || run->last() > end) return add(run == nullptr ? out_.unfitting : out_.unsaid, count);
    const bool at_end = run->last() == end;
    if (at_end && run->kind() != BranchKind::none) return branch(*run, last, count);
    if (run->kind() != BranchKind::none) return add(out_.unfitting, count);
    add(by_address_[begin][1], count);
    if (at_end) return;
    begin = run->end();
  }
}

void Writer::branch(const decode::FlowNode& run, uint64_t last, uint64_t count) {
  uint64_t taken = count;
  const auto known = taken_.find(last);
  if (run.kind() == BranchKind::cond) taken = known == taken_.end() ? 0 : std::min(count, known->second);
  if (known != taken_.end()) known->second -= std::min(taken, known->second);
  add(by_address_[run.ip()][1], taken);
  add(by_address_[run.ip()][0], count - taken);
}

Protobuf list(bool taken, uint64_t count) {
  Protobuf out;
  out.bytes(fields::kAtoms, std::string_view(taken ? "\1" : "\0", 1));
  out.number(fields::kAtomCount, 1);
  out.number(fields::kCount, count);
  return out;
}

BranchList Writer::finish(const Profile& profile) {
  Protobuf binary;
  binary.bytes(fields::kPath, valid_utf8(profile.path));
  if (!profile.build_id.empty()) binary.bytes(fields::kBuildId, profile.build_id);
  for (const auto& [address, counts] : by_address_) {
    Protobuf lists;
    lists.number(fields::kAddress, address);
    for (const bool taken : {false, true})
      if (counts[taken ? 1 : 0] != 0) lists.message(fields::kBranches, list(taken, counts[taken ? 1 : 0]));
    binary.message(fields::kAddresses, lists);
  }
  Protobuf file;
  file.bytes(fields::kMagic, kBranchListMagic);
  file.message(fields::kEtmData, binary);
  out_.bytes = file.text();
  return std::move(out_);
}

}  // namespace

Result<BranchList> to_branch_list(const Profile& profile, A64Code& code) {
  if (!profile.build_id.empty() && !code.build_id().empty() && profile.build_id != code.build_id())
    return fail("the profile is of another build of " + code.path() + ", with the build-id " + profile.build_id,
                "give the very file that was traced");
  return Writer(profile, code).finish(profile);
}

}  // namespace tracectl::profile
