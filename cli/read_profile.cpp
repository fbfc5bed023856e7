// SPDX-License-Identifier: MIT
#include "cli/read_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "cli/export_profile.hpp"
#include "profile/autofdo_text.hpp"
#include "profile/branch_list.hpp"

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

Result<profile::Profile> read_branch_list(std::string_view bytes, const std::string& file, const std::string& binary) {
  if (binary.empty())
    return fail_usage(file + " is a branch list, which is read along with its binary: which?", "--binary ./app");
  auto code = open_a64_code(binary);
  if (!code) return tl::unexpected<Error>(code.error());
  auto list = profile::parse_branch_list(bytes, file, *code);
  if (!list) return tl::unexpected<Error>(list.error());
  if (list->cut != 0)
    fmt::print(stderr, "tracectl: {}: {} of {} lists lead behind an indirect branch or out of the code: cut there\n", file,
               list->cut, list->lists);
  return std::move(list->profile);
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
      {"branch-list", "simpleperf's, with --binary (AArch64)", profile::is_branch_list, read_branch_list},
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
