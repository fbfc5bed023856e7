// SPDX-License-Identifier: MIT
#include "cli/capture_options.hpp"
#include "cli/verbs.hpp"
#include "views/report.hpp"

namespace tracectl::cli {
namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  tracectl report                      windows by name and hot functions of tracectl.data\n"
    "  tracectl report --window 3           hot functions of the third window alone\n"
    "  tracectl report --json old.data      the same facts as JSON, times in ns";

struct Options {
  CaptureOptions capture;
  bool json = false;
};

int report(const Options& options) {
  auto capture = OpenCapture::open(options.capture);
  if (!capture) return report_error(capture.error());
  views::Summary summary(options.capture.window);
  if (auto done = summarize(**capture, options.capture, true, summary); !done) return report_error(done.error());
  views::Report report;
  report.title = (*capture)->facts.title;
  report.capture = (*capture)->reader.path();
  report.totals = summary.totals();
  report.windows = views::window_stats((*capture)->windows, (*capture)->facts.windows, summary);
  report.functions = summary.functions();
  report.limit = options.capture.limit;
  report.loss = (*capture)->loss;
  views::Out out(stdout);
  options.json ? views::print_json(report, out) : views::print_text(report, out);
  return finish_output(out, with_decoded(report.loss, report.totals.loss).lost_trace());
}

}  // namespace

void add_report(CLI::App& app, VerbRun& run) {
  auto options = std::make_shared<Options>();
  options->capture.limit = 20;
  CLI::App* verb = app.add_subcommand("report", "Windows (count, total, min, avg, max, stddev) and hot functions");
  add_capture(*verb, options->capture);
  add_thread_and_window(*verb, options->capture);
  verb->add_option("--limit", options->capture.limit, "how many functions; 0: all")->capture_default_str();
  verb->add_flag("--json", options->json, "as JSON");
  verb->footer(kFooter);
  verb->callback([options, &run] { run = [options] { return report(*options); }; });
}

}  // namespace tracectl::cli
