// SPDX-License-Identifier: MIT
// Text that comes from a capture, made safe for HTML.
#pragma once

#include <string>
#include <string_view>

#include "core/utf8.hpp"

namespace tracectl::views {

// valid_utf8(), with & < > " ' and control characters as character references: fit for the
// text of an HTML element and for a quoted attribute.
[[nodiscard]] std::string html_escaped(std::string_view text);

}  // namespace tracectl::views
