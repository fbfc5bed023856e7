// SPDX-License-Identifier: MIT
#include "views/utf8.hpp"

#include <cstdint>

namespace tracectl::views {

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        // HTML knows no other control characters, not even as references.
        if (static_cast<uint8_t>(c) >= 0x20 || c == '\t' || c == '\n')
          out += c;
        else
          out += kReplacement;
    }
  }
  return out;
}

}  // namespace tracectl::views
