// SPDX-License-Identifier: MIT
// The files of views/html/, embedded at build time by cmake/embed.cmake.
#pragma once

#include <string_view>

namespace tracectl::views {

extern const std::string_view kReportHtml, kReportCss, kReportJs;

}  // namespace tracectl::views
