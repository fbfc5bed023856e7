// SPDX-License-Identifier: MIT
// Text that comes from a capture, made safe for formats that demand UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace tracectl {

// U+FFFD: stands for what is no character.
inline constexpr const char* kReplacement = "\xef\xbf\xbd";

// The same text with U+FFFD for each byte that is part of no well-formed sequence
// (overlong forms, surrogates and what is above U+10FFFF are not).
[[nodiscard]] std::string valid_utf8(std::string_view text);

}  // namespace tracectl
