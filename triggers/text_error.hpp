// SPDX-License-Identifier: MIT
// TextError: what is wrong inside one string of a plan, and where in that string.
#pragma once

#include <string>

namespace tracectl {

struct TextError {
  unsigned offset = 0;  // bytes from the begin of the string
  unsigned length = 1;
  std::string message, hint;
};

}  // namespace tracectl
