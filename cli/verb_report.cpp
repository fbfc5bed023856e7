// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "cli/capture_options.hpp"
#include "cli/output_file.hpp"
#include "cli/verbs.hpp"
#include "core/units.hpp"
#include "views/html_report.hpp"
#include "views/report.hpp"
#include "views/tee.hpp"

namespace tracectl::cli {
namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  tracectl report                      windows by name and hot functions of tracectl.data\n"
    "  tracectl report --window 3           hot functions of the third window alone\n"
    "  tracectl report --json old.data      the same facts as JSON, times in ns\n"
    "  tracectl report --html report.html   one page with drawings and source lines, to look at and hand on\n"
    "The page is one file that needs no network. It holds excerpts of the source files that can be read.";

struct Options {
  CaptureOptions capture;
  bool json = false;
  std::string html;
};

views::Report report_of(const OpenCapture& capture, const Options& options, const views::Summary& summary) {
  views::Report report;
  report.title = capture.facts.title;
  report.capture = capture.reader.path();
  report.totals = summary.totals();
  report.windows = views::window_stats(capture.windows, capture.facts.windows, summary);
  report.functions = summary.functions();
  report.limit = options.capture.limit;
  report.loss = capture.loss;
  if (options.capture.window == 0 && options.capture.tid < 0)
    report.why_empty = why_no_instructions(capture, summary.totals());
  return report;
}

// One pass over the trace for both.
Result<> decode_all(OpenCapture& capture, const Options& options, views::Summary& summary, views::Flames& flames) {
  return for_each_stream(capture, options.capture, [&](StreamVisit& visit) -> Result<bool> {
    views::Summary::Stream totals(summary, visit.context);
    views::Flames::Stream calls(flames, visit.context);
    views::Tee both(totals, calls);
    if (auto done = visit.decode(both); !done) return tl::unexpected(done.error());
    totals.finish();
    calls.finish();
    return true;
  });
}

std::vector<std::string> facts_of(const OpenCapture& capture, const views::Report& report) {
  const auto number = [](uint64_t n, const char* word) {
    return fmt::format("{} {}{}", views::grouped(n), word, n == 1 ? "" : "s");
  };
  std::vector<std::string> out;
  if (!capture.facts.command.empty()) out.push_back(fmt::format("{}", fmt::join(capture.facts.command, " ")));
  if (!capture.windows.all().empty()) out.push_back(number(capture.windows.all().size(), "window"));
  out.push_back(number(report.totals.instructions, "instruction"));
  out.push_back(fmt::format("{} branches", views::grouped(report.totals.branches)));
  out.push_back(
      fmt::format("{} of trace of {}", human_size(capture.reader.aux_bytes()), number(capture.threads(), "thread")));
  out.push_back(fmt::format("{}, {} machine", capture.backend(), capture.machine()));
  return out;
}

int report_html(OpenCapture& capture, const Options& options) {
  const auto file = open_output(options.html);
  if (!file) return report_error(file.error());
  views::HtmlReport page;
  page.only = options.capture.window;
  page.charted = views::windows_to_chart(capture.windows, capture.facts.windows, options.capture.tid, page.only);
  views::Summary summary(options.capture.window);
  views::Flames flames(page.charted, options.capture.window);
  if (auto done = decode_all(capture, options, summary, flames); !done) return report_error(done.error());
  const views::Report report = report_of(capture, options, summary);
  page.report = &report;
  page.summary = &summary;
  page.windows = &capture.windows;
  page.images = &capture.images;
  page.flames = &flames;
  page.facts = facts_of(capture, report);
  views::Out out(stream_of(*file));
  views::print_html(page, out);
  return finish_output(out, summary.totals().decode_errors != 0);
}

int report(const Options& options) {
  if (options.json && !options.html.empty()) return report_error(fail_usage("--json does not go with --html").value());
  auto capture = OpenCapture::open(options.capture);
  if (!capture) return report_error(capture.error());
  if (!options.html.empty()) return report_html(**capture, options);
  views::Summary summary(options.capture.window);
  if (auto done = summarize(**capture, options.capture, true, summary); !done) return report_error(done.error());
  const views::Report report = report_of(**capture, options, summary);
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
  verb->add_option("--html", options->html, "as one self-contained page, written to this file");
  verb->footer(kFooter);
  verb->callback([options, &run] { run = [options] { return report(*options); }; });
}

}  // namespace tracectl::cli
