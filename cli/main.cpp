// SPDX-License-Identifier: MIT
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "cli/verbs.hpp"

namespace tracectl::cli {

namespace {
std::vector<std::string> after_dashes;
}
const std::vector<std::string>& command_after_dashes() { return after_dashes; }

int report_error(const Error& error) {
  std::fprintf(stderr, "tracectl: %s\n", error.message().c_str());
  return static_cast<int>(error.kind);
}

namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  tracectl doctor                                            what this machine can trace, and what it cannot\n"
    "  tracectl run --window function=libc.so.6:qsort -- ./app    trace only inside qsort\n"
    "  tracectl run plan.toml -- ./app                            trace under a plan; leaves tracectl.data\n"
    "  tracectl report                                            windows and hot functions of tracectl.data\n"
    "Exit codes: 0 ok, 1 failed, 2 usage or plan error, 3 this machine cannot, 4 done but with loss.\n"
    "run returns the status of the command it ran.";

// Keeps the words after `--` for command_after_dashes; returns how many words stand before.
int take_command(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--") != 0) continue;
    after_dashes.assign(argv + i + 1, argv + argc);
    return i;
  }
  return argc;
}

// What CLI11 would only call a missing subcommand.
bool unknown_verb(const CLI::App& app, const char* word) {
  if (word[0] == '-') return false;
  for (const CLI::App* verb : app.get_subcommands(nullptr))
    if (verb->get_name() == word) return false;
  report_error({ErrorKind::usage, std::string("there is no verb '") + word + "'", "tracectl --help lists them"});
  return true;
}

std::string usage_message(const CLI::App* app, const CLI::Error& e) {
  const auto verbs = app->get_subcommands();
  const std::string verb = verbs.empty() ? "" : " " + verbs.front()->get_name();
  return std::string("tracectl: ") + e.what() + "\n  hint: tracectl" + verb + " --help\n";
}

int parse_and_run(CLI::App& app, int argc, char** argv, const VerbRun& run) {
  if (argc == 1) {
    std::fputs(app.help().c_str(), stderr);
    return static_cast<int>(ErrorKind::usage);
  }
  if (unknown_verb(app, argv[1])) return static_cast<int>(ErrorKind::usage);
  app.failure_message(usage_message);
  try {
    app.parse(take_command(argc, argv), argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    return code == 0 ? 0 : static_cast<int>(ErrorKind::usage);
  }
  return run ? run() : 0;
}

}  // namespace
}  // namespace tracectl::cli

int main(int argc, char** argv) {
  using namespace tracectl::cli;
  std::signal(SIGPIPE, SIG_DFL);  // `tracectl script | head` ends quietly
  // A capture at `ulimit -f` is an error to tell (EFBIG), no death. A handler, not SIG_IGN: the traced program must not
  // inherit it.
  std::signal(SIGXFSZ, [](int) {});
  CLI::App app{"tracectl: hardware instruction trace by plan (Intel PT, CoreSight), with or without trace hardware",
               "tracectl"};
  app.set_version_flag("--version", "tracectl " TRACECTL_VERSION);
  app.require_subcommand(1);
  app.footer(kFooter);
  VerbRun run;
  add_doctor(app, run);
  add_list(app, run);
  add_new(app, run);
  add_check(app, run);
  add_run(app, run);
  add_ctl(app, run);
  add_info(app, run);
  add_report(app, run);
  add_script(app, run);
  add_export(app, run);
  add_merge(app, run);
  add_repair(app, run);
  return parse_and_run(app, argc, argv, run);
}
