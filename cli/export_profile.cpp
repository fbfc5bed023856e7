// SPDX-License-Identifier: MIT
#include "cli/export_profile.hpp"

#include <algorithm>

#include "profile/autofdo_text.hpp"

namespace tracectl::cli {
namespace {

Result<std::string> autofdo_text(const profile::Profile& profile) { return profile::to_autofdo_text(profile); }

}  // namespace

const std::vector<ProfileFormat>& profile_formats() {
  static const std::vector<ProfileFormat> formats = {
      {"autofdo",
       "how often each run of instructions and each branch of --binary was executed, as text for\n"
       "              create_llvm_prof --profiler text",
       autofdo_text},
  };
  return formats;
}

const ProfileFormat* profile_format(const std::string& name) {
  const auto& all = profile_formats();
  const auto found = std::find_if(all.begin(), all.end(), [&](const ProfileFormat& f) { return name == f.name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace tracectl::cli
