// SPDX-License-Identifier: MIT
// A profile as simpleperf's branch list: lists of atoms (taken or not) of one binary, each with the address from which they
// lead and how often that came. Whoever has the binary can walk them; `simpleperf inject` makes the same of them.
//
// Shape:  written are lists of one atom, ascending by address. That loses nothing: lists of more atoms add up to the same
// ranges
//         and branches. A range over an ISB (a trace has none) becomes two. Which of the ranges with one end took its branch
//         a profile does not know: the lists fit its sums. The file is one protobuf message, which every version of
//         simpleperf reads. Read are this form and the newer one, of a head and several messages.
// Lost:   written: ranges that end without an atom (system calls, exceptions, ends of the trace) are counted in `unsaid`.
//         Read: where indirect branches went, and atoms behind one.
// Units:  addresses as the binary has them.
// Errors: a file that is no branch list, is cut short or compressed, or is not of the binary, in words.
// Source: android.googlesource.com/platform/system/extras, simpleperf/branch_list.proto, BranchListFile.cpp, ETMDecoder.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "profile/a64_code.hpp"
#include "profile/profile.hpp"

namespace tracectl::profile {

inline constexpr std::string_view kBranchListMagic = "simpleperf:EtmBranchList";

struct BranchList {
  std::string bytes;
  uint64_t unsaid = 0;     // how often ranges ran that no atom ends
  uint64_t unfitting = 0;  // ranges' and branches' counts that do not fit the binary's code
};
// `code`: of the profile's binary.
[[nodiscard]] Result<BranchList> to_branch_list(const Profile& profile, A64Code& code);

struct BranchListProfile {
  Profile profile;
  uint64_t lists = 0;  // of the binary, each counted once
  uint64_t cut = 0;    // of them: lead behind an indirect branch, or to where no code is
};
// By its first bytes.
[[nodiscard]] bool is_branch_list(std::string_view bytes);
// What the file holds of the binary. `name`: of the file, for errors.
[[nodiscard]] Result<BranchListProfile> parse_branch_list(std::string_view bytes, const std::string& name, A64Code& code);

}  // namespace tracectl::profile
