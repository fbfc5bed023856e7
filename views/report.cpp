// SPDX-License-Identifier: MIT
#include "views/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "views/calls.hpp"

namespace tracectl::views {
namespace {

size_t shown(const Report& r) { return r.limit == 0 ? r.functions.size() : std::min<size_t>(r.limit, r.functions.size()); }

double percent(const Report& r, uint64_t insns) {
  return r.totals.instructions == 0 ? 0 : 100.0 * static_cast<double>(insns) / static_cast<double>(r.totals.instructions);
}

LossTotals all_loss(const Report& r) {
  LossTotals loss = r.loss;
  for (size_t i = 0; i < kLossKinds; ++i) loss.count[i] += r.totals.loss.count[i];
  return loss;
}

void print_windows(const Report& r, Out& out) {
  out.line(fmt::format("{:<28}{:>9}{:>10}{:>10}{:>10}{:>10}{:>10}{:>15}", "window", "count", "total", "min", "avg", "max",
                       "stddev", "instructions"));
  for (const WindowStats& w : r.windows) {
    const auto time = [](double ns) { return duration_text(ns); };
    const auto whole = [&time](uint64_t ns) { return time(static_cast<double>(ns)); };
    out.line(fmt::format("{:<28}{:>9}{:>10}{:>10}{:>10}{:>10}{:>10}{:>15}{}", w.name, w.count, whole(w.total), whole(w.min),
                         time(w.avg), whole(w.max), time(w.stddev), w.instructions,
                         w.open == 0 ? "" : fmt::format("  ({} open)", w.open)));
  }
  out.line("");
}

}  // namespace

void print_text(const Report& r, Out& out) {
  if (!r.title.empty()) out.line(fmt::format("{}\n", r.title));
  if (!r.windows.empty()) print_windows(r, out);
  out.line(fmt::format("{:>14}{:>8}{:>12}  {:<40} {:<20} {}", "instructions", "%", "calls", "function", "object",
                       "hottest line"));
  for (size_t i = 0; i < shown(r); ++i) {
    const FunctionTotals& f = r.functions[i];
    out.line(fmt::format("{:>14}{:>8.2f}{:>12}  {:<40} {:<20} {}", f.instructions, percent(r, f.instructions), f.calls,
                         f.name, f.object, f.hottest_line));
  }
  if (shown(r) < r.functions.size())
    out.line(fmt::format("{:>34}  ... {} more (--limit 0)", "", r.functions.size() - shown(r)));
  out.line(fmt::format("{:>14}  instructions in all, {} branches, {} taken", r.totals.instructions, r.totals.branches,
                       r.totals.taken_branches));
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
  j["windows"] = nlohmann::ordered_json::array();
  for (const WindowStats& w : r.windows)
    j["windows"].push_back({{"name", w.name},
                            {"count", w.count},
                            {"open", w.open},
                            {"total_ns", w.total},
                            {"min_ns", w.min},
                            {"avg_ns", w.avg},
                            {"max_ns", w.max},
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
