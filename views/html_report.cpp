// SPDX-License-Identifier: MIT
#include "views/html_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "views/calls.hpp"
#include "views/html_assets.hpp"
#include "views/source_excerpts.hpp"
#include "views/utf8.hpp"

namespace tracectl::views {
namespace {

std::string time_cell(double ns, const std::string& exact) {
  return fmt::format("<td class=\"n\" data-value=\"{}\">{}</td>", exact, duration_text(ns));
}

std::string time_cell(uint64_t ns) { return time_cell(static_cast<double>(ns), std::to_string(ns)); }

std::string count_cell(uint64_t n) { return fmt::format("<td class=\"n\" data-value=\"{}\">{}</td>", n, grouped(n)); }

std::string share_cell(uint64_t insns, uint64_t all) {
  const double percent = all == 0 ? 0 : 100.0 * static_cast<double>(insns) / static_cast<double>(all);
  return fmt::format("<td class=\"n share\"><span class=\"bar\" style=\"width:{:.2f}%\"></span><span>{:.2f}</span></td>",
                     percent, percent);
}

std::string loss_section(const Report& r) {
  const LossTotals loss = all_loss(r);
  if (!loss.any()) return "";
  std::string items;
  for (size_t i = 0; i < kLossKinds; ++i)
    if (loss.count[i] != 0)
      items += fmt::format("<li><strong>{}</strong> <code>{}</code> {}</li>\n", grouped(loss.count[i]), kLossNames[i],
                           html_escaped(kLossMeanings[i]));
  return "<section class=\"loss\" aria-labelledby=\"loss\">\n<h2 id=\"loss\">This capture is not "
         "complete</h2>\n"
         "<p>Part of the trace was lost or would not decode. The numbers below are those of what is left.</p>\n<ul>\n" +
         items + "</ul>\n</section>\n";
}

std::string windows_section(const HtmlReport& page) {
  const Report& r = *page.report;
  if (r.windows.empty()) return "";
  std::string rows;
  for (const WindowStats& w : r.windows) {
    rows += fmt::format("<tr><th scope=\"row\">{}{}</th>", html_escaped(w.name),
                        w.open == 0 ? "" : fmt::format(" <span class=\"note\">{} open</span>", grouped(w.open)));
    rows += count_cell(w.count) + time_cell(w.total) + time_cell(w.min) + time_cell(w.avg, fmt::format("{}", w.avg)) +
            time_cell(w.max) + time_cell(w.stddev, fmt::format("{}", w.stddev)) + count_cell(w.instructions);
    rows += w.longest == 0 ? "<td></td></tr>\n" : fmt::format("<td><code>--window {}</code></td></tr>\n", w.longest);
  }
  return "<section aria-labelledby=\"windows\">\n<h2 id=\"windows\">Windows</h2>\n<div class=\"scroll\"><table "
         "id=\"window-table\">\n"
         "<thead><tr><th scope=\"col\">window</th><th scope=\"col\" class=\"n\">count</th><th scope=\"col\" "
         "class=\"n\">total</th>"
         "<th scope=\"col\" class=\"n\">min</th><th scope=\"col\" class=\"n\">avg</th><th scope=\"col\" class=\"n\">max</th>"
         "<th scope=\"col\" class=\"n\">stddev</th><th scope=\"col\" class=\"n\">instructions</th>"
         "<th scope=\"col\">longest</th></tr></thead>\n<tbody>\n" +
         rows + "</tbody>\n</table></div>\n<div id=\"timeline\" class=\"drawing\"></div>\n</section>\n";
}

std::string charts_section(const HtmlReport& page) {
  std::string out;
  for (size_t i = 0; i < page.charted.size(); ++i) {
    const decode::Window& w = page.windows->all()[page.charted[i] - 1];
    const std::string name = html_escaped(page.windows->names()[w.name]);
    out += fmt::format("<h3>{} <span class=\"note\">window {}, {}, {} instructions</span></h3>\n", name, w.number,
                       w.open ? "open" : duration_text(static_cast<double>(w.end - w.begin)),
                       grouped(page.summary->instructions_in(w.number)));
    out += fmt::format("<div class=\"drawing\" data-chart=\"{}\"></div>\n", i);
  }
  if (out.empty()) return "";
  const char* title = page.only != 0 ? "The window, call by call" : "The slowest window, call by call";
  return fmt::format(
             "<section aria-labelledby=\"slowest\">\n<h2 id=\"slowest\">{}</h2>\n"
             "<p class=\"note\">Calls from left to right as they ran; the width is instructions.</p>\n",
             page.charted.size() > 1 ? "The slowest window of each name, call by call" : title) +
         out + "</section>\n";
}

std::string functions_section(const Report& r) {
  const size_t shown = r.limit == 0 ? r.functions.size() : std::min<size_t>(r.limit, r.functions.size());
  std::string rows;
  for (size_t i = 0; i < shown; ++i) {
    const FunctionTotals& f = r.functions[i];
    rows += "<tr>" + share_cell(f.instructions, r.totals.instructions) + count_cell(f.instructions) + count_cell(f.calls) +
            fmt::format("<th scope=\"row\"><code>{}</code></th><td>{}</td><td><code>{}</code></td></tr>\n",
                        html_escaped(f.name), html_escaped(f.object), html_escaped(f.hottest_line));
  }
  const std::string more = shown == r.functions.size()
                               ? ""
                               : fmt::format(
                                     "<p class=\"note\">{} more functions with fewer instructions are not shown "
                                     "(<code>--limit 0</code> shows all).</p>\n",
                                     grouped(r.functions.size() - shown));
  return "<section aria-labelledby=\"functions\">\n<h2 id=\"functions\">Hot functions</h2>\n<div class=\"scroll\"><table>\n"
         "<thead><tr><th scope=\"col\" class=\"n share\">%</th><th scope=\"col\" class=\"n\">instructions</th>"
         "<th scope=\"col\" class=\"n\">calls</th><th scope=\"col\">function</th><th scope=\"col\">object</th>"
         "<th scope=\"col\">hottest line</th></tr></thead>\n<tbody>\n" +
         rows + "</tbody>\n</table></div>\n" + more + "</section>\n";
}

std::string excerpt_html(const Excerpt& e, uint64_t all) {
  uint64_t most = 1;
  for (const ExcerptLine& line : e.lines) most = std::max(most, line.instructions);
  std::string out = fmt::format(
      "<figure class=\"source\">\n<figcaption><code>{}</code> <span "
      "class=\"note\">{}</span></figcaption>\n<table>\n<tbody>\n",
      html_escaped(e.function), html_escaped(e.file));
  for (const ExcerptLine& line : e.lines) {
    const double heat = static_cast<double>(line.instructions) / static_cast<double>(most);
    const std::string percent = line.instructions == 0
                                    ? ""
                                    : fmt::format("{:.2f}", 100.0 * static_cast<double>(line.instructions) /
                                                                static_cast<double>(std::max<uint64_t>(all, 1)));
    out += fmt::format(
        "<tr style=\"--heat:{:.3f}\"><td class=\"n\">{}</td><th scope=\"row\" "
        "class=\"n\">{}</th><td><pre>{}</pre></td></tr>\n",
        heat, percent, line.number, e.has_text ? html_escaped(line.text) : "<em>(source not readable here)</em>");
  }
  return out + "</tbody>\n</table>\n</figure>\n";
}

std::string lines_section(const HtmlReport& page) {
  const std::vector<Excerpt> excerpts = hot_excerpts(page.summary->lines(), HtmlReport::kMostLines);
  if (excerpts.empty()) return "";
  const uint64_t all = page.report->totals.instructions;
  const auto plural = [](size_t n) { return n == 1 ? "" : "s"; };
  std::string shown, folded;
  size_t readable = 0, unreadable = 0;
  for (const Excerpt& e : excerpts) {
    (e.has_text ? shown : folded) += excerpt_html(e, all);
    ++(e.has_text ? readable : unreadable);
  }
  if (!folded.empty())
    folded = fmt::format("<details{}>\n<summary>{} place{} whose source cannot be read here</summary>\n",
                         readable == 0 ? " open" : "", unreadable, plural(unreadable)) +
             folded + "</details>\n";
  return fmt::format(
             "<section aria-labelledby=\"lines\">\n<h2 id=\"lines\">Hot source lines</h2>\n"
             "<p class=\"note\">Percent of all instructions; a block of code counts for the line that it begins at. "
             "Around the {} hottest lines.</p>\n",
             std::min(page.summary->lines().size(), HtmlReport::kMostLines)) +
         shown + folded + "</section>\n";
}

std::string flame_section(const HtmlReport& page) {
  if (page.report->totals.instructions == 0) return "<p>No instruction was traced.</p>\n";
  return "<section aria-labelledby=\"flame\">\n<h2 id=\"flame\">All calls together</h2>\n"
         "<p class=\"note\">Callers above, callees below; the width is instructions, all calls of a path as one.</p>\n"
         "<div class=\"drawing\" data-flame=\"1\"></div>\n</section>\n";
}

std::string facts_line(const HtmlReport& page) {
  std::string out;
  for (const std::string& fact : page.facts) out += "<li>" + html_escaped(fact) + "</li>\n";
  return out;
}

}  // namespace

std::string grouped(uint64_t number) {
  std::string out = std::to_string(number);
  for (size_t at = out.size(); at > 3;) out.insert(at -= 3, 1, ',');
  return out;
}

std::vector<uint64_t> windows_to_chart(const decode::WindowSet& windows, const std::vector<decode::WindowFacts>& rules,
                                       int32_t tid, uint64_t only) {
  if (only != 0) return {only};
  struct Name {
    uint64_t total = 0, longest = 0, number = 0;
  };
  std::vector<Name> names(windows.names().size());
  for (const decode::Window& w : windows.all()) {
    const uint64_t length = w.end - w.begin;
    const bool shown = std::none_of(rules.begin(), rules.end(), [&](const decode::WindowFacts& rule) {
      return rule.name == windows.names()[w.name] && length < rule.longer_than;
    });
    if (w.open || !shown || (tid >= 0 && w.tid != tid)) continue;
    Name& name = names[w.name];
    name.total += length;
    if (name.number == 0 || length > name.longest) {
      name.longest = length;
      name.number = w.number;
    }
  }
  std::stable_sort(names.begin(), names.end(), [](const Name& a, const Name& b) { return a.total > b.total; });
  std::vector<uint64_t> out;
  for (const Name& name : names)
    if (name.number != 0 && out.size() < HtmlReport::kMostCharts) out.push_back(name.number);
  return out;
}

void print_html(const HtmlReport& page, Out& out) {
  const Report& r = *page.report;
  const std::string title = html_escaped(r.title.empty() ? r.capture : r.title);
  const std::array<std::pair<std::string_view, std::string>, 11> parts = {{{"title", title},
                                                                           {"css", std::string(kReportCss)},
                                                                           {"js", std::string(kReportJs)},
                                                                           {"facts", facts_line(page)},
                                                                           {"loss", loss_section(r)},
                                                                           {"windows", windows_section(page)},
                                                                           {"charts", charts_section(page)},
                                                                           {"flame", flame_section(page)},
                                                                           {"functions", functions_section(r)},
                                                                           {"lines", lines_section(page)},
                                                                           {"data", html_data(page)}}};
  std::string_view rest = kReportHtml;
  for (size_t open = rest.find("{{"); open != std::string_view::npos; open = rest.find("{{")) {
    const size_t close = rest.find("}}", open);
    const std::string_view name = rest.substr(open + 2, close - open - 2);
    out.bytes(rest.substr(0, open));
    for (const auto& [key, text] : parts)
      if (key == name) out.bytes(text);
    rest = rest.substr(close + 2);
  }
  out.bytes(rest);
}

}  // namespace tracectl::views
