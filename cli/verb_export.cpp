// SPDX-License-Identifier: MIT
#include "cli/capture_options.hpp"
#include "cli/verbs.hpp"
#include "views/filters.hpp"
#include "views/folded.hpp"

namespace tracectl::cli {
namespace {

constexpr const char* kFooter =
    "Formats:\n"
    "  folded    \"thread;f;g COUNT\" by instructions, for flame graph tools\n"
    "Examples:\n"
    "  tracectl export --to folded -o out.folded\n"
    "  tracectl export --to folded | flamegraph.pl > out.svg";

struct Options {
  CaptureOptions capture;
  std::string to, output;
};

struct FileClose {
  void operator()(std::FILE* f) const { std::fclose(f); }
};

int export_capture(const Options& options) {
  auto capture = OpenCapture::open(options.capture);
  if (!capture) return report_error(capture.error());
  std::unique_ptr<std::FILE, FileClose> file;
  if (!options.output.empty()) {
    file.reset(std::fopen(options.output.c_str(), "we"));
    if (file == nullptr) return report_error(fail_errno("cannot write " + options.output).value());
  }
  views::Folded folded;
  bool lossy = false;
  const auto done = for_each_stream(**capture, options.capture, [&](StreamVisit& visit) -> Result<bool> {
    views::Folded::Stream sink(folded, visit.context);
    views::OnlyWindow window(visit.context, options.capture.window, sink);
    decode::ItemSink& first = options.capture.window != 0 ? static_cast<decode::ItemSink&>(window) : sink;
    if (auto result = visit.decode(first); !result) return tl::unexpected(result.error());
    sink.finish();
    lossy = lossy || sink.losses() != 0;
    return true;
  });
  if (!done) return report_error(done.error());
  views::Out out(file != nullptr ? file.get() : stdout);
  folded.print(out);
  return finish_output(out, lossy);
}

}  // namespace

void add_export(CLI::App& app, VerbRun& run) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("export", "A capture in another tool's format");
  add_capture(*verb, options->capture);
  add_thread_and_window(*verb, options->capture);
  verb->add_option("--to", options->to, "the format")->required()->check(CLI::IsMember({"folded"}));
  verb->add_option("-o,--output", options->output, "the file to write; else the standard output");
  verb->footer(kFooter);
  verb->callback([options, &run] { run = [options] { return export_capture(*options); }; });
}

}  // namespace tracectl::cli
