// SPDX-License-Identifier: MIT
// The verbs of tracectl. Each lives in cli/verb_<name>.cpp with its usage text and adds one
// subcommand; when that subcommand is given, it stores in `run` what main() shall call. The
// value is the exit code: 0 ok, 1 failed, 2 usage or plan error, 3 this machine cannot,
// 4 done but with loss.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "core/result.hpp"

namespace tracectl::cli {

using VerbRun = std::function<int()>;

void add_doctor(CLI::App& app, VerbRun& run);
void add_list(CLI::App& app, VerbRun& run);
void add_check(CLI::App& app, VerbRun& run);
void add_run(CLI::App& app, VerbRun& run);
void add_ctl(CLI::App& app, VerbRun& run);
void add_new(CLI::App& app, VerbRun& run);
void add_info(CLI::App& app, VerbRun& run);
void add_report(CLI::App& app, VerbRun& run);
void add_script(CLI::App& app, VerbRun& run);
void add_export(CLI::App& app, VerbRun& run);
void add_merge(CLI::App& app, VerbRun& run);
void add_repair(CLI::App& app, VerbRun& run);

// The words after the first `--` of the command line: the command to trace. main() takes them
// away before CLI11 sees them, so that no option or plan name is looked for among them.
const std::vector<std::string>& command_after_dashes();

// Prints "tracectl: MESSAGE" and the hint to stderr; returns the exit code of the error.
int report_error(const Error& error);

}  // namespace tracectl::cli
