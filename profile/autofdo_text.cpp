// SPDX-License-Identifier: MIT
#include "profile/autofdo_text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <iterator>

namespace tracectl::profile {
namespace {

constexpr std::string_view kBuildId = "// build_id: 0x";

void section(std::string& out, const std::map<Profile::Pair, uint64_t>& counts, const char* between) {
  fmt::format_to(std::back_inserter(out), "{}\n", counts.size());
  for (const auto& [pair, count] : counts)
    fmt::format_to(std::back_inserter(out), "{:x}{}{:x}:{}\n", pair.first, between, pair.second, count);
}

// Takes a number from the front of `text`.
bool take(std::string_view& text, int base, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, std::string_view word) {
  if (text.substr(0, word.size()) != word) return false;
  text.remove_prefix(word.size());
  return true;
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& name) : left_(text), name_(name) {}

  // "FROM-TO:COUNT", or "ADDRESS:COUNT" where `between` is empty.
  Result<> section(std::string_view between, std::map<Profile::Pair, uint64_t>& counts) {
    uint64_t lines = 0;
    std::string_view first = next();
    if (!take(first, 10, lines) || !first.empty()) return no("a number of lines");
    for (; lines != 0; --lines) {
      std::string_view line = next();
      Profile::Pair pair;
      uint64_t count = 0;
      bool good = take(line, 16, pair.first);
      pair.second = pair.first;
      if (good && !between.empty()) good = take(line, between) && take(line, 16, pair.second);
      if (!good || !take(line, ":") || !take(line, 10, count) || !line.empty())
        return no(fmt::format("FROM{}TO:COUNT", between));
      counts[pair] = sum(counts[pair], count);
    }
    return {};
  }

  Result<> comments(Profile& profile) {
    while (!left_.empty()) {
      std::string_view line = next();
      if (line.empty()) continue;
      if (take(line, kBuildId)) {
        profile.build_id = line;
      } else if (take(line, "// ")) {
        profile.path = line;
      } else {
        return no("a comment or the end");
      }
    }
    return {};
  }

 private:
  std::string_view next() {
    ++line_;
    const size_t end = left_.find('\n');
    const std::string_view line = left_.substr(0, end);
    left_.remove_prefix(end == std::string_view::npos ? left_.size() : end + 1);
    return line;
  }
  [[nodiscard]] tl::unexpected<Error> no(const std::string& wanted) const {
    return fail(fmt::format("{}:{}: no profile as text: {} is expected here", name_, line_, wanted),
                "`tracectl export --to autofdo` writes one");
  }

  std::string_view left_;
  const std::string& name_;
  uint64_t line_ = 0;
};

}  // namespace

std::string to_autofdo_text(const Profile& profile) {
  std::string out;
  section(out, profile.ranges, "-");
  out += "0\n";
  section(out, profile.branches, "->");
  if (!profile.build_id.empty()) fmt::format_to(std::back_inserter(out), "{}{}\n", kBuildId, profile.build_id);
  fmt::format_to(std::back_inserter(out), "// {}\n", profile.path);
  return out;
}

Result<Profile> parse_autofdo_text(std::string_view text, const std::string& name) {
  Profile out;
  Reader reader(text, name);
  if (auto done = reader.section("-", out.ranges); !done) return tl::unexpected<Error>(done.error());
  if (auto done = reader.section("", out.ranges); !done) return tl::unexpected<Error>(done.error());
  if (auto done = reader.section("->", out.branches); !done) return tl::unexpected<Error>(done.error());
  if (auto done = reader.comments(out); !done) return tl::unexpected<Error>(done.error());
  return out;
}

}  // namespace tracectl::profile
