// SPDX-License-Identifier: MIT
// HtmlReport: a capture as one self-contained page. The tables are HTML and work without
// scripts; the drawings (windows in time, calls of the slowest windows, the merged flame
// graph) are made by views/html/report.js from JSON in the page.
//
// Units: the JSON's times are ns since the first window, its amounts instructions.
// Size: bounded; what is left out is counted on the page.
// Everything that comes from the capture is escaped: it may hold any bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "decode/capture_facts.hpp"
#include "decode/image.hpp"
#include "views/flames.hpp"
#include "views/out.hpp"
#include "views/report.hpp"

namespace tracectl::views {

struct HtmlReport {
  const Report* report = nullptr;
  const Summary* summary = nullptr;
  const decode::WindowSet* windows = nullptr;
  const decode::ImageSet* images = nullptr;
  const Flames* flames = nullptr;
  std::vector<std::string> facts;  // what was recorded, each a few words
  std::vector<uint64_t> charted;   // the windows drawn call by call
  uint64_t only = 0;               // the one window that the page is about; 0: all

  static constexpr size_t kMostCharts = 6;
  static constexpr size_t kMostNodes = 1200;    // of a drawing of calls
  static constexpr size_t kMostWindows = 3000;  // in the timeline
  static constexpr size_t kMostLines = 24;      // hot source lines
};

// The windows to draw call by call: the slowest of each name, of the names with the most time.
// `tid`: of this thread alone; -1: of all. `only`: this window and no other; 0: as above.
[[nodiscard]] std::vector<uint64_t> windows_to_chart(const decode::WindowSet& windows,
                                                     const std::vector<decode::WindowFacts>& rules, int32_t tid,
                                                     uint64_t only);

void print_html(const HtmlReport& page, Out& out);

// The drawings' data, safe inside a script element.
[[nodiscard]] std::string html_data(const HtmlReport& page);
// 1234567 as "1,234,567".
[[nodiscard]] std::string grouped(uint64_t number);

}  // namespace tracectl::views
