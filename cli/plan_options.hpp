// SPDX-License-Identifier: MIT
// The options that make or change a plan, shared by check and run: a plan file, --window,
// --trigger, --machine, --scope, --start, --size, what to trace (--pid, --tid, --all-cpus, --cgroup), and the
// command after `--`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/verbs.hpp"
#include "core/elf_machine.hpp"
#include "core/host.hpp"
#include "core/plan.hpp"
#include "core/resolved_plan.hpp"

namespace tracectl::cli {

struct PlanOptions {
  std::string plan_file;
  std::vector<std::string> windows, triggers;
  std::string machine, scope, start, size;
  std::vector<int32_t> pids, tids;
  bool all_cpus = false;
  std::string cgroup;
};

struct LoadedPlan {
  ResolvedPlan plan;
  HostFacts host;
  ProgramFacts program;                // of the command; empty when there is none
  std::optional<Error> command_error;  // the command cannot be started: `run` gives 127 or 126
};

// `options` must outlive the parse and the run of `verb`.
void add_plan_options(CLI::App& verb, PlanOptions& options);
// --window and --trigger alone.
void add_window_options(CLI::App& verb, PlanOptions& options);

// The [[trigger]] and [[window]] tables that say what --trigger and --window say.
[[nodiscard]] std::string trigger_tables(const PlanOptions& options);

// The plan of the options alone, or of the plan file changed by them. `command` replaces
// [target] command when it is not empty. Its source text is a plan file that says the same.
[[nodiscard]] Result<Plan> build_plan(const PlanOptions& options, const std::vector<std::string>& command,
                                      Diagnostics& diagnostics);

// Everything up to the resolved plan, against the live machine. Prints warnings and errors of
// the plan to stderr, where they stand; the Error then only counts them.
[[nodiscard]] Result<LoadedPlan> load_plan(const PlanOptions& options);

}  // namespace tracectl::cli
