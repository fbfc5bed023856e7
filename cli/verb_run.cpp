// SPDX-License-Identifier: MIT
// tracectl run: start a command under a plan, leave a capture. The command's output and
// status are its own; what tracectl says goes to stderr behind "tracectl:".
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>

#include "cli/address_filters.hpp"
#include "cli/plan_options.hpp"
#include "cli/record_setup.hpp"
#include "cli/why_empty.hpp"
#include "core/capture/period_log.hpp"
#include "core/units.hpp"
#include "machines/kernel/recorder.hpp"

namespace tracectl::cli {
namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  tracectl run plan.toml -- ./app --its-options              trace under a plan\n"
    "  tracectl run --window function=libc.so.6:qsort -- ./app    no plan file: one window\n"
    "  tracectl run -- ./app                                      trace all of it\n"
    "  tracectl run --trigger 'breakpoint:app:report_error=snapshot' -- ./app    what led to the error\n"
    "  tracectl run --window function=app:handle --pid 4711       of a process that runs, until Ctrl-C\n"
    "  tracectl run plan.toml --all-cpus -- sleep 2               of all that runs, for two seconds\n"
    "In ring mode SIGUSR2 to tracectl takes a snapshot of every thread.\n"
    "The capture is the directory tracectl.data (an older one moves to tracectl.data.old).\n"
    "Exit code: the command's own (126 and 127 when it cannot be started, 128+N after signal N);\n"
    "1 to 3 when tracectl refuses before the command starts; 1 when the capture cannot be written any more\n"
    "(the command runs on untraced to its end); 4 with --fail-on-loss when trace was lost.";

struct RunVerbOptions {
  PlanOptions plan;
  std::string output = "tracectl.data";
  bool quiet = false;
  bool fail_on_loss = false;
  std::vector<std::string> snapshot_on;
};

// One line, rewritten in place, on a terminal only.
class Progress {
 public:
  explicit Progress(bool wanted) : on_(wanted && isatty(STDERR_FILENO) != 0) {}
  void show(uint64_t bytes, size_t processes) {
    const auto now = std::chrono::steady_clock::now();
    if (!on_ || now - begin_ < std::chrono::seconds(1) || now - last_ < std::chrono::milliseconds(500)) return;
    last_ = now;
    shown_ = true;
    fmt::print(stderr, "\rtracectl: {} of trace, {} process{} \x1b[K", human_size(bytes), processes,
               processes == 1 ? "" : "es");
  }
  ~Progress() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  bool on_, shown_ = false;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now(), last_ = begin_;
};

void warn_unplaced(const ResolvedPlan& plan, const std::vector<Placement>& placements) {
  for (size_t i = 0; i < plan.triggers.size(); ++i)
    if (placements[i].found) {
      continue;
    } else if (!placements[i].why.empty()) {
      fmt::print(stderr, "tracectl: warning: '{}' was never placed: {}\n  hint: a smaller len, or another +OFFSET\n",
                 plan.triggers[i].on, placements[i].why);
    } else {
      fmt::print(stderr,
                 "tracectl: warning: '{}' was never found: no file with code that the program mapped has it\n  hint: "
                 "tracectl list symbols --program {} PATTERN{}\n",
                 plan.triggers[i].on, plan.command.empty() ? "PROGRAM" : plan.command[0],
                 plan.triggers[i].access == BreakAccess::execute ? "" : " lists functions; nm -C lists variables");
    }
}

void say_outcome(const RunVerbOptions& options, const ResolvedPlan& plan, const capture::CaptureSummary& s,
                 const RunOutcome& outcome, const std::vector<Placement>& placements) {
  if (outcome.traced) warn_unplaced(plan, placements);
  if (!s.why_empty.empty()) fmt::print(stderr, "tracectl: the capture is empty:\n  {}\n", fmt::join(s.why_empty, "\n  "));
  for (size_t i = 0; i < kLossKinds; ++i)
    if (s.loss.count[i] != 0)
      fmt::print(stderr, "tracectl: loss: {}: {} {}\n", kLossNames[i], s.loss.count[i], kLossMeanings[i]);
  if (!outcome.stop_reason.empty()) fmt::print(stderr, "tracectl: stopped by {}\n", outcome.stop_reason);
  if (outcome.smaller_buffers != 0)
    fmt::print(stderr, "tracectl: {} threads got AUX buffers smaller than {}, to keep within [buffer] total = {}\n",
               outcome.smaller_buffers, print_size(plan.buffer.aux_size), print_size(plan.buffer.total));
  if (options.quiet) return;
  if (WIFSIGNALED(outcome.wait_status))
    fmt::print(stderr,
               "tracectl: the command died of signal {} ({}); a line of \"qemu:\" above is QEMU's, not the program's\n",
               WTERMSIG(outcome.wait_status), sigdescr_np(WTERMSIG(outcome.wait_status)));
  std::set<int32_t> threads;  // one that executed another program has two streams
  for (const auto& t : s.threads) threads.insert(t.tid);
  const auto counted = [](uint64_t n, const char* what) { return fmt::format("{} {}{}, ", n, what, n == 1 ? "" : "s"); };
  const bool resumes =
      std::any_of(plan.triggers.begin(), plan.triggers.end(), [](const auto& t) { return t.action != Action::snapshot; });
  std::string windows = resumes ? counted(s.windows.value_or(0), "window") : "";
  if (plan.collect) windows += counted(capture::read_periods(options.output).size(), "period");
  if (plan.buffer.mode == BufferMode::ring) windows += counted(outcome.snapshots, "snapshot");
  fmt::print(stderr, "tracectl: {}{} of trace of {} thread{} in {}; next: tracectl report{}\n", windows,
             human_size(s.trace_bytes), threads.size(), threads.size() == 1 ? "" : "s", options.output,
             options.output == "tracectl.data" ? "" : " " + options.output);
}

int status_of(const RunOutcome& outcome) {
  return WIFSIGNALED(outcome.wait_status) ? 128 + WTERMSIG(outcome.wait_status) : WEXITSTATUS(outcome.wait_status);
}

// The command did not start: what is there of the capture says so.
void leave_refusal(capture::CaptureSummary summary, const Error& error, capture::Writer& writer) {
  summary.why_empty = {error.hint.empty() ? error.what : fmt::format("{} (hint: {})", error.what, error.hint)};
  if (writer.side_file("capture.json", capture_json(summary))) (void)writer.finish();
}

// In this order: a data file that is finished has its totals beside it.
Result<> finish_capture(capture::Writer& writer, const capture::CaptureSummary& summary, bool& finished) {
  if (auto r = writer.side_file("capture.json", capture_json(summary)); !r) return r;
  if (finished) return {};
  auto r = writer.finish();
  finished = r.has_value();
  return r;
}

Result<int> record(const RunVerbOptions& options, const LoadedPlan& loaded) {
  const ResolvedPlan& plan = loaded.plan;
  auto filters = kernel_filters(loaded);
  if (!filters) return tl::unexpected<Error>(filters.error());
  const auto setup = capture_setup(loaded, options.output);
  if (!setup) return tl::unexpected<Error>(setup.error());
  auto writer = capture::Writer::create(*setup);
  if (!writer) return tl::unexpected<Error>(writer.error());
  const auto first = summarize(plan, loaded.host, *writer, setup->cpuid, nullptr);
  if (auto r = writer->side_file("capture.json", capture_json(first)); !r) return tl::unexpected<Error>(r.error());
  std::vector<Placement> placements;
  const auto finder = module_finder(plan, placements);
  RunOptions run_options;
  run_options.address_filters = std::move(*filters);
  if (const char* log = getenv("TRACECTL_TEST_LOG"); log != nullptr) run_options.test_log = log;
  if (const char* idle = getenv("TRACECTL_TEST_IDLE"); idle != nullptr)
    run_options.test_idle = static_cast<uint32_t>(atoi(idle));
  bool said_failure = false;
  run_options.failed = [&](const Error& error) {
    said_failure = true;
    report_error(error);
    fmt::print(stderr, "tracectl: the program runs on untraced; {} ends here, and can be read up to here\n", options.output);
  };
  bool finished = false;
  run_options.over = [&](const RunOutcome& so_far) {
    // What fails here fails, and is told, when the program has ended.
    auto summary = summarize(plan, loaded.host, *writer, setup->cpuid, &so_far);
    summary.why_empty = why_empty(plan, so_far, summary.trace_bytes, placements);
    (void)finish_capture(*writer, summary, finished);
  };
  Result<RunOutcome> outcome = [&] {
    Progress progress(!options.quiet);
    run_options.say = [](const std::string& text) { fmt::print(stderr, "tracectl: {}\n", text); };
    run_options.progress = [&](uint64_t bytes, size_t processes) { progress.show(bytes, processes); };
    return plan.machine == MachineKind::kernel ? kernel::run_kernel(plan, loaded.host, finder, *writer, run_options)
                                               : emulated::run_emulated(plan, loaded.host, finder, *writer, run_options);
  }();
  if (!outcome) {
    if (said_failure) return static_cast<int>(outcome.error().kind);
    leave_refusal(first, outcome.error(), *writer);
    return tl::unexpected<Error>(outcome.error());
  }
  auto summary = summarize(plan, loaded.host, *writer, setup->cpuid, &*outcome);
  summary.exit_status = status_of(*outcome);
  summary.why_empty = why_empty(plan, *outcome, summary.trace_bytes, placements);
  if (auto r = finish_capture(*writer, summary, finished); !r) return tl::unexpected<Error>(r.error());
  // Killed before its plugin could report: that is the command's end, and no fault of the two.
  if (!outcome->traced && plan.machine == MachineKind::emulated && !WIFSIGNALED(outcome->wait_status))
    return fail(fmt::format("{} ran, but tracectl's plugin never reported: nothing was traced",
                            qemu_for(plan.backend, loaded.host).path),
                "tracectl doctor says whether QEMU and the plugin fit together");
  say_outcome(options, plan, summary, *outcome, placements);
  if (options.fail_on_loss && summary.loss.any()) return 4;
  return status_of(*outcome);
}

Result<> add_snapshots(const std::vector<std::string>& when, BufferPlan& buffer) {
  if (!when.empty() && buffer.mode != BufferMode::ring)
    return fail_usage("--snapshot-on is for mode = \"ring\"; mode = \"full\" keeps everything",
                      "leave it out, or set mode = \"ring\" in [buffer]");
  for (const auto& word : when) (word == "crash" ? buffer.keep_crash : buffer.keep_end) = true;
  return {};
}

int run_run(const RunVerbOptions& options) {
  auto loaded = load_plan(options.plan);
  if (!loaded) return report_error(loaded.error());
  if (auto r = add_snapshots(options.snapshot_on, loaded->plan.buffer); !r) return report_error(r.error());
  if (loaded->plan.target.kind == TargetKind::command && loaded->plan.command.empty())
    return report_error(
        {ErrorKind::usage, "no command to run",
         "put it behind --: tracectl run plan.toml -- ./app; --pid, --tid, --all-cpus or --cgroup trace what runs already"});
  emulated::CannotStart reason;
  if (loaded->plan.machine == MachineKind::emulated &&
      !emulated::can_start(loaded->plan.command, loaded->plan.backend, loaded->host, reason)) {
    report_error({ErrorKind::failed, reason.why, reason.hint});
    return reason.status;
  }
  if (!options.quiet)
    fmt::print(stderr, "tracectl: {} machine: {}\n", name_of(loaded->plan.machine), loaded->plan.machine_why);
  const auto status = record(options, *loaded);
  return status ? *status : report_error(status.error());
}

}  // namespace

void add_run(CLI::App& app, VerbRun& run) {
  auto options = std::make_shared<RunVerbOptions>();
  CLI::App* verb = app.add_subcommand("run", "Start a command under a plan and leave a capture");
  add_plan_options(*verb, options->plan);
  verb->add_option("-o,--output", options->output, "directory of the capture")->capture_default_str();
  verb->add_flag("-q,--quiet", options->quiet, "say nothing but warnings and losses");
  verb->add_flag("--fail-on-loss", options->fail_on_loss, "exit with 4 when trace was lost");
  verb->add_option("--snapshot-on", options->snapshot_on,
                   "mode = ring: also keep what the buffers hold at a crash (a signal ends a traced process), at exit")
      ->check(CLI::IsMember({"crash", "exit"}));
  verb->footer(kFooter);
  verb->callback([options, &run] { run = [options] { return run_run(*options); }; });
}

}  // namespace tracectl::cli
