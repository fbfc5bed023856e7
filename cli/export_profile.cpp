// SPDX-License-Identifier: MIT
#include "cli/export_profile.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "backends/coresight/flow_insn.hpp"
#include "profile/autofdo_text.hpp"
#include "profile/branch_list.hpp"
#include "profile/llvm_prof.hpp"

namespace tracectl::cli {
namespace {

Result<std::string> autofdo_text(const profile::Profile& profile) { return profile::to_autofdo_text(profile); }

Result<std::string> llvm_prof(const profile::Profile& profile) {
  const auto made = profile::to_llvm_prof(profile);
  if (!made) return tl::unexpected<Error>(made.error());
  for (const std::string& why : made->warnings)
    fmt::print(stderr, "tracectl: the profile of {} is thin: {}\n", profile.path, why);
  return made->text;
}

Result<> has_atoms(const std::string& binary) {
  const auto code = open_a64_code(binary);
  if (!code) return tl::unexpected<Error>(code.error());
  return {};
}

Result<std::string> branch_list(const profile::Profile& profile) {
  auto code = open_a64_code(profile.path);
  if (!code) return tl::unexpected<Error>(code.error());
  auto list = profile::to_branch_list(profile, *code);
  if (!list) return tl::unexpected<Error>(list.error());
  if (list->unsaid != 0)
    fmt::print(stderr, "tracectl: {} passes are not in the branch list: no branch ended them\n", list->unsaid);
  if (list->unfitting != 0)
    fmt::print(stderr, "tracectl: {} passes are not in the branch list: {} has other branches\n", list->unfitting,
               profile.path);
  return std::move(list->bytes);
}

}  // namespace

Result<profile::A64Code> open_a64_code(const std::string& binary) {
  return profile::A64Code::open(binary, coresight::a64_reader({}));
}

const std::vector<ProfileFormat>& profile_formats() {
  static const std::vector<ProfileFormat> formats = {
      {"autofdo",
       "how often each run of instructions and each branch of --binary was executed, as text for\n"
       "              create_llvm_prof --profiler text",
       autofdo_text},
      {"llvm-prof",
       "the same by source line, for clang -fprofile-sample-use and llvm-profdata: --binary\n"
       "              needs debug information (-gline-tables-only -fdebug-info-for-profiling)",
       llvm_prof},
      {"branch-list",
       "simpleperf's: from which addresses of --binary which branches were taken or not (AArch64),\n"
       "              for `simpleperf inject`",
       branch_list, false, has_atoms},
  };
  return formats;
}

const ProfileFormat* profile_format(const std::string& name) {
  const auto& all = profile_formats();
  const auto found = std::find_if(all.begin(), all.end(), [&](const ProfileFormat& f) { return name == f.name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace tracectl::cli
