// SPDX-License-Identifier: MIT
// tracectl check: the resolved plan, or everything that is wrong with it. Runs nothing.
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/plan_options.hpp"
#include "config/print.hpp"
#include "core/loaded_files.hpp"

namespace tracectl::cli {
namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  tracectl check plan.toml                                  is it right, and what would it do?\n"
    "  tracectl check plan.toml -- ./app                         the same for one program\n"
    "  tracectl check --window function=libc.so.6:qsort --json   a plan made from options\n"
    "Exit codes: 0 the plan can run, 2 it has errors, 3 this machine cannot.";

struct CheckOptions {
  PlanOptions plan;
  bool json = false;
};

// Where the triggers' objects are: the program itself, or what its loader would map. perf probe wants paths.
void find_objects(const ProgramFacts& program, ResolvedPlan& plan) {
  const auto files = program_files(program);
  for (const ResolvedTrigger& t : plan.triggers)
    for (const std::string& path : files)
      if (std::filesystem::path(path).filename() == t.where.object) plan.object_paths.emplace(t.where.object, path);
}

int run_check(const CheckOptions& options) {
  auto loaded = load_plan(options.plan);
  if (!loaded) return report_error(loaded.error());
  if (loaded->command_error) return report_error(*loaded->command_error);
  find_objects(loaded->program, loaded->plan);
  const std::string text =
      options.json ? print_plan_json(loaded->plan, loaded->host) : print_plan(loaded->plan, loaded->host);
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace

void add_check(CLI::App& app, VerbRun& run) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* verb =
      app.add_subcommand("check", "The resolved plan: every value, trigger and buffer; and the equal perf record line");
  add_plan_options(*verb, options->plan);
  verb->add_flag("--json", options->json, "as JSON");
  verb->footer(kFooter);
  verb->callback([options, &run] { run = [options] { return run_check(*options); }; });
}

}  // namespace tracectl::cli
