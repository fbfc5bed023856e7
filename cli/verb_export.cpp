// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "cli/capture_options.hpp"
#include "cli/each_stream.hpp"
#include "cli/export_profile.hpp"
#include "cli/export_snapshot.hpp"
#include "cli/output_file.hpp"
#include "cli/traced_profile.hpp"
#include "cli/verbs.hpp"
#include "core/capture/tally.hpp"
#include "views/folded.hpp"
#include "views/perfetto.hpp"
#include "views/speedscope.hpp"

namespace tracectl::cli {
namespace {

constexpr const char* kFooter =
    "Other formats:\n"
    "  folded      \"thread;f;g COUNT\" by instructions, for flame graph tools\n"
    "  perfetto    calls, windows, trigger hits and losses as tracks, for https://ui.perfetto.dev\n"
    "  snapshot    CoreSight trace with its code as an OpenCSD snapshot directory (-o DIR)\n"
    "  speedscope  calls of each thread, for https://www.speedscope.app\n"
    "A trace tells the time now and then only: perfetto and speedscope get what lies between two such\n"
    "times dated by instructions. Each call has its exact number of instructions in perfetto.\n"
    "Examples:\n"
    "  tracectl export --to perfetto -o out.perfetto-trace     then open the file in ui.perfetto.dev\n"
    "  tracectl export --to perfetto --window 2 -o slow.perfetto-trace old.data\n"
    "  tracectl export --to speedscope -o out.speedscope.json\n"
    "  tracectl export --to folded | flamegraph.pl > out.svg\n"
    "  tracectl export --to autofdo --binary ./app -o app.afdo.txt\n"
    "  tracectl export --to llvm-prof --binary ./app -o app.prof     then clang -fprofile-sample-use=app.prof\n"
    "  tracectl export --to branch-list --binary ./app -o app.branch_list\n"
    "  tracectl export --to autofdo --binary ./app -o app.afdo.txt host1.data host2.data host3.data\n"
    "  tracectl export --to autofdo --binary ./app --shard 3/8 -o 3.afdo.txt big.data    see tracectl merge --help";

struct Options {
  CaptureOptions capture;
  std::string to, output, binary, shard_text;
  std::vector<std::string> captures;
  decode::Shard shard;
};

Result<bool> to_folded(OpenCapture& capture, const Options& options, views::Out& out) {
  views::Folded folded;
  auto lossy = each_stream<views::Folded::Stream>(capture, options.capture, folded, [](auto&) {});
  if (lossy) folded.print(out);
  return lossy;
}

// True for what the options select of the records.
bool selected(const Options& options, const decode::Window* only, int32_t tid, uint64_t time) {
  if (options.capture.tid >= 0 && tid != options.capture.tid) return false;
  return only == nullptr || (tid == only->tid && time >= only->begin && (only->open || time <= only->end));
}

// Windows, trigger hits and what the records tell of loss.
void records_to_perfetto(OpenCapture& capture, const Options& options, const decode::Window* only, views::Perfetto& trace,
                         LossTotals& placed) {
  for (const decode::Window& w : capture.windows.all())
    if (only == nullptr ? options.capture.tid < 0 || w.tid == options.capture.tid : &w == only)
      trace.window(w, capture.windows.names()[w.name]);
  decode::for_each_trigger_hit(capture.reader, capture.facts, [&](const decode::TriggerHit& hit) {
    if (selected(options, only, hit.tid, hit.time)) trace.hit(hit);
  });
  capture.reader.for_each_record([&](const capture::Record& r) {
    if (!capture::tells_loss(r.type) || r.time == 0) return true;
    LossTotals loss;
    capture::tally(r.type, r.body, loss);
    for (size_t i = 0; i < kLossKinds; ++i) {
      placed.count[i] += loss.count[i];
      if (selected(options, only, r.tid, r.time)) trace.loss(r, static_cast<LossKind>(i), loss.count[i]);
    }
    return true;
  });
}

Result<bool> to_perfetto(OpenCapture& capture, const Options& options, views::Out& out) {
  views::Perfetto trace(capture.images, out);
  const decode::Window* only = options.capture.window == 0 ? nullptr : &capture.windows.all()[options.capture.window - 1];
  LossTotals placed;
  records_to_perfetto(capture, options, only, trace, placed);
  auto lossy = each_stream<views::Perfetto::Stream>(capture, options.capture, trace, [](auto&) {});
  if (!lossy) return lossy;
  for (size_t i = 0; i < kLossKinds; ++i)
    trace.loss_somewhere(static_cast<LossKind>(i), capture.loss.count[i] - std::min(capture.loss.count[i], placed.count[i]));
  return lossy;
}

// The time of the first record that has one.
uint64_t first_time(const capture::Reader& reader) {
  uint64_t time = 0;
  reader.for_each_record([&time](const capture::Record& r) {
    time = r.time;
    return time == 0;
  });
  return time;
}

Result<bool> to_speedscope(OpenCapture& capture, const Options& options, views::Out& out) {
  const std::string& name = capture.facts.title.empty() ? capture.reader.path() : capture.facts.title;
  views::Speedscope file(name, first_time(capture.reader), out);
  auto lossy =
      each_stream<views::Speedscope::Stream>(capture, options.capture, file, [](auto& sink) { sink.close_profile(); });
  if (lossy) file.finish();
  return lossy;
}

Result<bool> to_profile(const Options& options, views::Out& out) {
  auto traced = profile_of({options.capture, options.captures, options.binary, options.shard});
  if (!traced) return tl::unexpected<Error>(traced.error());
  const auto text = profile_format(options.to)->write(traced->profile);
  if (!text) return tl::unexpected<Error>(text.error());
  out.bytes(*text);
  return traced->lossy;
}

// What stands at the end of --help.
std::string footer() {
  std::string out = "Profiles of --binary:\n";
  for (const ProfileFormat& format : profile_formats()) out += fmt::format("  {:<12}{}\n", format.name, format.help);
  return out + kFooter;
}

using Export = Result<bool> (*)(OpenCapture&, const Options&, views::Out&);
constexpr std::pair<const char*, Export> kFormats[] = {
    {"folded", to_folded}, {"perfetto", to_perfetto}, {"speedscope", to_speedscope}};

std::vector<std::string> formats() {
  std::vector<std::string> out = {"snapshot"};
  for (const auto& [name, write] : kFormats) out.emplace_back(name);
  for (const ProfileFormat& format : profile_formats()) out.emplace_back(format.name);
  return out;
}

Export export_to(const std::string& format) {
  const auto* row = std::find_if(std::begin(kFormats), std::end(kFormats), [&](const auto& r) { return format == r.first; });
  return row->second;  // the option takes no other
}

bool is_text(const std::string& format) {
  const ProfileFormat* profile = profile_format(format);
  return profile == nullptr ? format != "perfetto" : profile->is_text;
}

// Of what did not come to be, nothing stays.
int remove_output(const Options& options, const Error& error) {
  struct stat st;
  if (!options.output.empty() && ::lstat(options.output.c_str(), &st) == 0 && S_ISREG(st.st_mode))
    ::unlink(options.output.c_str());
  return report_error(error);
}

// A directory, and no text.
int to_snapshot(const Options& options) {
  if (options.output.empty()) return report_error(fail_usage("a snapshot is a directory: which?", "-o DIR").value());
  auto capture = OpenCapture::open(options.capture);
  if (!capture) return report_error(capture.error());
  const auto facts = export_snapshot(**capture, options.capture, options.output);
  if (!facts) return report_error(facts.error());
  if (facts->covered != 0)
    fmt::print(stderr, "tracectl: {} mappings are not in the snapshot: later ones lie over them\n", facts->covered);
  if (facts->unreadable != 0)
    fmt::print(stderr, "tracectl: {} mappings are not in the snapshot: their files are not here\n", facts->unreadable);
  fmt::print("{} trace buffers, {} code dumps in {}; next: trc_pkt_lister -ss_dir {} -decode -logstdout\n", facts->buffers,
             facts->dumps, options.output, options.output);
  return 0;
}

// One capture in the format, or all of them as a profile.
Result<bool> write_export(const Options& options, OpenCapture* capture, views::Out& out) {
  return capture == nullptr ? to_profile(options, out) : export_to(options.to)(*capture, options, out);
}

// Options that do not go together.
Result<> usable(const Options& options) {
  const bool profile = profile_format(options.to) != nullptr;
  if (profile && options.binary.empty()) return fail_usage("a profile is of one binary: which?", "--binary ./app");
  if (!profile && options.captures.size() > 1)
    return fail_usage(fmt::format("--to {} takes one capture; {} are named", options.to, options.captures.size()),
                      "profiles of several captures add up, other formats are of one");
  if (!profile && !options.shard_text.empty())
    return fail_usage("--shard is for profiles: parts of " + options.to + " do not add up", "--to autofdo --binary ./app");
  if (auto fits = fits_output(is_text(options.to), options.to, options.output); !fits) return fits;
  if (const ProfileFormat* format = profile_format(options.to); format != nullptr && format->fits != nullptr)
    return format->fits(options.binary);
  return {};
}

int export_capture(Options options) {
  if (const auto good = usable(options); !good) return report_error(good.error());
  if (!options.shard_text.empty()) {
    const auto shard = decode::Shard::parse(options.shard_text);
    if (!shard) return report_error(shard.error());
    options.shard = *shard;
  }
  options.capture.path = options.captures.front();
  if (options.to == "snapshot") return to_snapshot(options);
  std::unique_ptr<OpenCapture> capture;
  if (profile_format(options.to) == nullptr) {
    auto opened = OpenCapture::open(options.capture);
    if (!opened) return report_error(opened.error());
    capture = std::move(*opened);
  }
  const auto file = open_output(options.output);
  if (!file) return report_error(file.error());
  views::Out out(stream_of(*file));
  const auto lossy = write_export(options, capture.get(), out);
  if (!lossy) {
    out.flush();
    return remove_output(options, lossy.error());
  }
  return finish_output(out, *lossy);
}

}  // namespace

void add_export(CLI::App& app, VerbRun& run) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("export", "A capture in another tool's format");
  add_symfs(*verb, options->capture);
  add_decoder(*verb, options->capture);
  options->captures = {options->capture.path};
  verb->add_option("CAPTURE", options->captures,
                   "a capture directory, a perf.data file with trace, or a CoreSight snapshot directory; profiles: several")
      ->capture_default_str();
  add_thread_and_window(*verb, options->capture);
  verb->add_option("--to", options->to, "the format")->required()->check(CLI::IsMember(formats()));
  verb->add_option("--binary", options->binary, "profiles: the program or library whose profile is wanted");
  verb->add_option("--shard", options->shard_text,
                   "profiles: i/n, the i-th of n parts of the trace; `tracectl merge` adds them up");
  verb->add_option("-o,--output", options->output, "the file to write; else the standard output");
  verb->footer(footer());
  verb->callback([options, &run] { run = [options] { return export_capture(*options); }; });
}

}  // namespace tracectl::cli
