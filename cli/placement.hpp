// SPDX-License-Identifier: MIT
// Placement: what became of a trigger on code or data while the program's files were mapped.
#pragma once

#include <string>

namespace tracectl::cli {

struct Placement {
  bool found = false;  // at least once
  std::string why;     // not, although the symbol is there
};

}  // namespace tracectl::cli
