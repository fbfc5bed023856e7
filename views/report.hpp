// SPDX-License-Identifier: MIT
// Report: windows by name and hot functions, as text and as JSON.
//
// Units: JSON times are ns. Text rounds them to three digits.
#pragma once

#include <string>
#include <vector>

#include "views/out.hpp"
#include "views/summary.hpp"

namespace tracectl::views {

struct Report {
  std::string title, capture;
  Totals totals;
  std::vector<WindowStats> windows;
  std::vector<FunctionTotals> functions;
  uint64_t limit = 0;  // functions shown; 0: all
  LossTotals loss;     // of the recording
  std::vector<std::string> why_empty;
};

// Of the recording and of decoding it.
[[nodiscard]] LossTotals all_loss(const Report& report);

void print_text(const Report& report, Out& out);
void print_json(const Report& report, Out& out);

}  // namespace tracectl::views
