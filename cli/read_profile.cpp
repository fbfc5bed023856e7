// SPDX-License-Identifier: MIT
#include "cli/read_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "profile/autofdo_text.hpp"

namespace tracectl::cli {
namespace {

// It begins with how many ranges it has.
bool is_autofdo_text(std::string_view bytes) {
  const std::string_view first = bytes.substr(0, bytes.find('\n'));
  constexpr size_t kLongest = 20;  // digits
  return !first.empty() && first.size() <= kLongest && first.find_first_not_of("0123456789") == std::string_view::npos;
}

Result<profile::Profile> read_autofdo_text(std::string_view bytes, const std::string& file, const std::string&) {
  return profile::parse_autofdo_text(bytes, file);
}

Result<std::string> bytes_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string out{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in || in.bad()) return fail_errno("cannot read the profile " + file);
  return out;
}

}  // namespace

const std::vector<ProfileReader>& profile_readers() {
  static const std::vector<ProfileReader> readers = {
      {"autofdo", "text of `export --to autofdo`", is_autofdo_text, read_autofdo_text},
  };
  return readers;
}

Result<profile::Profile> read_profile(const std::string& file, const std::string& binary) {
  const auto bytes = bytes_of(file);
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  const auto& all = profile_readers();
  const auto reader = std::find_if(all.begin(), all.end(), [&](const ProfileReader& r) { return r.is(*bytes); });
  if (reader != all.end()) return reader->read(*bytes, file, binary);
  std::string known;
  for (const ProfileReader& r : all) known += fmt::format("{}{} ({})", known.empty() ? "" : ", ", r.name, r.help);
  return fail(file + " is no profile of a kind that can be added up", "these can: " + known);
}

}  // namespace tracectl::cli
