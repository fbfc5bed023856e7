// SPDX-License-Identifier: MIT
// tracectl new: a commented plan to start from, on standard output.
#include <cstdio>
#include <memory>

#include "cli/plan_options.hpp"
#include "config/template.hpp"
#include "core/diagnostics.hpp"

namespace tracectl::cli {
namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  tracectl new > plan.toml                                   every key, explained\n"
    "  tracectl new --window function=libc.so.6:qsort > q.toml    the same with a window in it";

int run_new(const PlanOptions& options) {
  Diagnostics diagnostics;
  const auto plan = build_plan(options, {}, diagnostics);  // refuse what the plan would refuse
  if (!plan) return report_error(plan.error());
  std::fputs(diagnostics.text().c_str(), stderr);
  if (diagnostics.has_errors()) return diagnostics.exit_code();
  std::fputs(plan_template(trigger_tables(options)).c_str(), stdout);
  return 0;
}

}  // namespace

void add_new(CLI::App& app, VerbRun& run) {
  auto options = std::make_shared<PlanOptions>();
  CLI::App* verb = app.add_subcommand("new", "Write a commented plan to start from");
  add_window_options(*verb, *options);
  verb->footer(kFooter);
  verb->callback([options, &run] { run = [options] { return run_new(*options); }; });
}

}  // namespace tracectl::cli
