// SPDX-License-Identifier: MIT
// Source excerpts: the hottest source lines with the text around them, where the source file
// can be read.
//
// Only files that the debug information names by an absolute path and that end as source
// files do are read: an excerpt goes into a report that people hand on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "views/summary.hpp"

namespace tracectl::views {

struct ExcerptLine {
  unsigned number = 0;
  uint64_t instructions = 0;
  std::string text;  // at most 200 bytes
};

// Consecutive lines of one file; hot lines whose surroundings touch share an excerpt.
struct Excerpt {
  std::string file, function;  // function: of the hottest line
  uint64_t instructions = 0;
  std::vector<ExcerptLine> lines;
  bool has_text = false;  // else the source could not be read, and `lines` are the hot ones alone
};

// Of the `most` hottest lines, by instructions, most first.
[[nodiscard]] std::vector<Excerpt> hot_excerpts(const std::vector<LineTotals>& lines, size_t most);

}  // namespace tracectl::views
