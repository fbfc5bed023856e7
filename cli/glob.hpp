// SPDX-License-Identifier: MIT
// Shell patterns for `list`: the whole text must match; a pattern without * ? [ matches
// anywhere in the text. An empty pattern matches everything.
#pragma once

#include <fnmatch.h>

#include <string>

namespace tracectl::cli {

[[nodiscard]] inline bool matches(const std::string& pattern, const std::string& text) {
  if (pattern.find_first_of("*?[") == std::string::npos) return text.find(pattern) != std::string::npos;
  return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

}  // namespace tracectl::cli
