// SPDX-License-Identifier: MIT
// The formats of a profile of one binary, for `export` and `merge`.
#pragma once

#include <string>
#include <vector>

#include "core/result.hpp"
#include "profile/a64_code.hpp"
#include "profile/profile.hpp"

namespace tracectl::cli {

struct ProfileFormat {
  const char* name;
  const char* help;  // for --help
  // The file's bytes. Errors: what the format cannot say of this binary, in words.
  Result<std::string> (*write)(const profile::Profile& profile);
  bool is_text = true;
  // Before a long decoding: can it say anything of this file? nullptr: of any.
  Result<> (*fits)(const std::string& binary) = nullptr;
};

[[nodiscard]] const std::vector<ProfileFormat>& profile_formats();
[[nodiscard]] const ProfileFormat* profile_format(const std::string& name);  // nullptr: none of that name

// An AArch64 binary, to read or write branch lists of it.
Result<profile::A64Code> open_a64_code(const std::string& binary);

}  // namespace tracectl::cli
