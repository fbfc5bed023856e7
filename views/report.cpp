// SPDX-License-Identifier: MIT
#include "views/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "views/calls.hpp"

namespace tracectl::views {
namespace {

constexpr size_t kWidest = 48;  // of a name's column; --json has the whole

// "a_long_name..." in at most `width` columns.
std::string fit(const std::string& text, size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 3) + "...";
}

// The width that a column of names takes.
template <typename Rows, typename Name>
size_t width_of(std::string_view title, const Rows& rows, size_t count, Name name) {
  size_t width = title.size();
  for (size_t i = 0; i < count; ++i) width = std::max(width, name(rows[i]).size());
  return std::min(width, kWidest);
}

size_t shown(const Report& r) { return r.limit == 0 ? r.functions.size() : std::min<size_t>(r.limit, r.functions.size()); }

double percent(const Report& r, uint64_t insns) {
  return r.totals.instructions == 0 ? 0 : 100.0 * static_cast<double>(insns) / static_cast<double>(r.totals.instructions);
}

void print_windows(const Report& r, Out& out) {
  const size_t width = width_of("window", r.windows, r.windows.size(), [](const WindowStats& w) { return w.name; });
  const auto time = [](auto ns) { return duration_text(static_cast<double>(ns)); };
  out.line(fmt::format("{:<{}}{:>9}{:>10}{:>10}{:>10}{:>10}{:>10}{:>15}  {}", "window", width, "count", "total", "min",
                       "avg", "max", "stddev", "instructions", "longest"));
  for (const WindowStats& w : r.windows)
    out.line(fmt::format("{:<{}}{:>9}{:>10}{:>10}{:>10}{:>10}{:>10}{:>15}  {}{}", fit(w.name, width), width, w.count,
                         time(w.total), time(w.min), time(w.avg), time(w.max), time(w.stddev), w.instructions,
                         w.longest == 0 ? "" : fmt::format("--window {}", w.longest),
                         w.open == 0 ? "" : fmt::format("  ({} open)", w.open)));
  for (const WindowStats& w : r.windows)
    if (w.empty != 0)
      out.line(fmt::format("{} of {} windows of {} hold no instruction: nothing ran in them, or a resume did not act",
                           w.empty, w.count, w.name));
  if (r.totals.outside != 0)
    out.line(
        fmt::format("{} instructions lie outside of every window: a pause did not act, or came late", r.totals.outside));
  out.line("");
}

void print_functions(const Report& r, Out& out) {
  const size_t name = width_of("function", r.functions, shown(r), [](const FunctionTotals& f) { return f.name; });
  const size_t object = width_of("object", r.functions, shown(r), [](const FunctionTotals& f) { return f.object; });
  out.line(fmt::format("{:>14}{:>8}{:>12}  {:<{}}  {:<{}}  {}", "instructions", "%", "calls", "function", name, "object",
                       object, "hottest line"));
  for (size_t i = 0; i < shown(r); ++i) {
    const FunctionTotals& f = r.functions[i];
    const std::string line =
        fmt::format("{:>14}{:>8.2f}{:>12}  {:<{}}  {:<{}}  {}", f.instructions, percent(r, f.instructions), f.calls,
                    fit(f.name, name), name, fit(f.object, object), object, f.hottest_line);
    out.line(std::string_view(line).substr(0, line.find_last_not_of(' ') + 1));
  }
  if (shown(r) < r.functions.size())
    out.line(fmt::format("{:>34}  ... {} more (--limit 0)", "", r.functions.size() - shown(r)));
  out.line(fmt::format("{:>14}  instructions in all, {} branches, {} taken", r.totals.instructions, r.totals.branches,
                       r.totals.taken_branches));
}

}  // namespace

LossTotals all_loss(const Report& r) { return with_decoded(r.loss, r.totals.loss); }

void print_text(const Report& r, Out& out) {
  if (!r.title.empty()) out.line(fmt::format("{}\n", r.title));
  if (!r.windows.empty()) print_windows(r, out);
  if (r.totals.instructions != 0) print_functions(r, out);
  if (r.totals.instructions == 0) out.line("no instruction was traced");
  for (const auto& why : r.why_empty) out.line(fmt::format("  {}", why));
  const LossTotals loss = all_loss(r);
  for (size_t i = 0; i < kLossKinds; ++i)
    if (loss.count[i] != 0) out.line(fmt::format("loss: {} {}", kLossNames[i], loss.count[i]));
}

void print_json(const Report& r, Out& out) {
  nlohmann::ordered_json j;
  j["title"] = r.title;
  j["capture"] = r.capture;
  j["instructions"] = r.totals.instructions;
  j["branches"] = r.totals.branches;
  j["taken_branches"] = r.totals.taken_branches;
  j["decode_errors"] = r.totals.decode_errors;
  j["outside_windows"] = r.totals.outside;
  j["why_empty"] = r.why_empty;
  j["windows"] = nlohmann::ordered_json::array();
  for (const WindowStats& w : r.windows)
    j["windows"].push_back({{"name", w.name},
                            {"count", w.count},
                            {"open", w.open},
                            {"empty", w.empty},
                            {"total_ns", w.total},
                            {"min_ns", w.min},
                            {"avg_ns", w.avg},
                            {"max_ns", w.max},
                            {"max_window", w.longest},
                            {"stddev_ns", w.stddev},
                            {"instructions", w.instructions}});
  j["functions"] = nlohmann::ordered_json::array();
  for (size_t i = 0; i < shown(r); ++i) {
    const FunctionTotals& f = r.functions[i];
    j["functions"].push_back({{"name", f.name},
                              {"object", f.object},
                              {"instructions", f.instructions},
                              {"percent", percent(r, f.instructions)},
                              {"calls", f.calls},
                              {"line", f.hottest_line}});
  }
  const LossTotals loss = all_loss(r);
  for (size_t i = 0; i < kLossKinds; ++i) j["loss"][kLossNames[i]] = loss.count[i];
  // Names come from files of others: bytes that are no UTF-8 must not stop the report.
  out.line(j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace tracectl::views
