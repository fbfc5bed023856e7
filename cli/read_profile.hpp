// SPDX-License-Identifier: MIT
// The formats of a profile that can be read, known by their first bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "profile/profile.hpp"

namespace tracectl::cli {

struct ProfileReader {
  const char* name;
  const char* help;  // for --help
  bool (*is)(std::string_view bytes);
  // `file`: for errors. `binary`: --binary, or "": what the format does not hold itself may be read there.
  Result<profile::Profile> (*read)(std::string_view bytes, const std::string& file, const std::string& binary);
};

[[nodiscard]] const std::vector<ProfileReader>& profile_readers();
// Errors: no such file; a file of no known format, or that its format refuses.
Result<profile::Profile> read_profile(const std::string& file, const std::string& binary);

}  // namespace tracectl::cli
