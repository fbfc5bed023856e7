// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/capture_options.hpp"
#include "cli/verbs.hpp"
#include "core/capture/period_log.hpp"
#include "core/units.hpp"
#include "decode/stream_bytes.hpp"

namespace tracectl::cli {
namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  tracectl info                      what tracectl.data holds; does not decode\n"
    "  tracectl info --json               the same as JSON, with decoded numbers\n"
    "  tracectl info --decode old.data    text, with decoded numbers";

struct Options {
  CaptureOptions capture;
  bool json = false, decode = false, no_decode = false;
};

LossTotals all_loss(const OpenCapture& capture, const views::Totals* totals) {
  return with_decoded(capture.loss, totals == nullptr ? LossTotals{} : totals->loss);
}

// Bytes of a file, or of all files of a directory.
uint64_t size_of(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) return std::filesystem::file_size(path, error);
  uint64_t sum = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path, error))
    if (entry.is_regular_file(error)) sum += entry.file_size(error);
  return sum;
}

// Bytes of trace in front of and between what was kept: a ring that was written over.
uint64_t not_kept(const capture::Reader& reader) {
  uint64_t out = 0;
  for (const auto& stream : reader.streams())
    for (const auto& run : decode::runs_of(stream)) out += run.missing;
  return out;
}

std::vector<std::string> why_empty(const OpenCapture& capture, const views::Totals* totals) {
  return totals == nullptr ? capture.facts.why_empty : why_no_instructions(capture, *totals);
}

double seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }

// What [collect] did: how many periods, how much of the time between the first and the last of them was traced.
struct Collected {
  std::vector<capture::Period> periods;
  uint64_t traced = 0, span = 0;  // ns
  explicit Collected(const capture::Reader& reader) : periods(capture::read_periods(reader.directory())) {
    for (const auto& p : periods) traced += p.end - p.begin;
    if (!periods.empty()) span = periods.back().end - periods.front().begin;
  }
};

nlohmann::ordered_json collected_json(const OpenCapture& capture) {
  if (!capture.facts.collect) return nullptr;
  const Collected c(capture.reader);
  return {{"every_ns", capture.facts.collect->every},
          {"for_ns", capture.facts.collect->length},
          {"periods", c.periods.size()},
          {"traced_ns", c.traced},
          {"span_ns", c.span}};
}

std::string collected_text(const OpenCapture& capture) {
  const Collected c(capture.reader);
  const auto text = [](uint64_t ns) { return print_duration(std::chrono::nanoseconds(ns)); };
  return fmt::format("{} period{} of {} in every {}: {:.3g} s of {:.3g} s", c.periods.size(),
                     c.periods.size() == 1 ? "" : "s", text(capture.facts.collect->length),
                     text(capture.facts.collect->every), seconds(c.traced), seconds(c.span));
}

nlohmann::ordered_json as_json(const OpenCapture& capture, const views::Totals* totals) {
  nlohmann::ordered_json out;
  const auto decoded = [totals](uint64_t views::Totals::*field) -> nlohmann::ordered_json {
    return totals == nullptr ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(totals->*field);
  };
  out["capture"] = capture.reader.path();
  out["title"] = capture.facts.title;
  out["backend"] = capture.backend();
  out["machine"] = capture.machine();
  out["command"] = capture.facts.command;
  out["instructions"] = decoded(&views::Totals::instructions);
  out["branches"] = decoded(&views::Totals::branches);
  out["taken_branches"] = decoded(&views::Totals::taken_branches);
  out["bytes"] = capture.reader.aux_bytes();
  out["not_kept"] = not_kept(capture.reader);
  out["outside_windows"] = decoded(&views::Totals::outside);
  out["windows"] = capture.windows.all().size();
  out["open_windows"] = capture.windows.open_count();
  out["collected"] = collected_json(capture);
  out["threads"] = capture.threads();
  out["streams"] = capture.reader.streams().size();
  out["decode_errors"] = decoded(&views::Totals::decode_errors);
  const LossTotals loss = all_loss(capture, totals);
  for (size_t i = 0; i < kLossKinds; ++i) out["loss"][kLossNames[i]] = loss.count[i];
  out["why_empty"] = why_empty(capture, totals);
  return out;
}

void print_loss(const LossTotals& loss, views::Out& out) {
  for (size_t i = 0; i < kLossKinds; ++i)
    if (loss.count[i] != 0) out.line(fmt::format("  {:<18}{}", kLossNames[i], loss.count[i]));
}

// The program that a stream began in: later its process may have become another.
std::string comm_of(const OpenCapture& capture, const capture::AuxStream& stream) {
  const int32_t pid = stream.pid >= 0 ? stream.pid : capture.images.pid_of(stream.tid);
  uint64_t start = 0;
  if (capture.decoder != nullptr && !stream.fragments.empty())
    start = capture.decoder->start_time(stream, capture.reader.bytes(stream.fragments.front()));
  return capture.images.comm(pid, start == 0 ? ~uint64_t{0} : start);
}

void print_text(const OpenCapture& capture, const views::Totals* totals, views::Out& out) {
  const auto& reader = capture.reader;
  if (!capture.facts.title.empty()) out.line(capture.facts.title);
  out.line(fmt::format("capture   {}", reader.path()));
  out.line(fmt::format("trace     {} by the {} machine", capture.backend(), capture.machine()));
  if (!capture.facts.command.empty()) out.line(fmt::format("command   {}", fmt::join(capture.facts.command, " ")));
  out.line(fmt::format("streams   {} of {} thread{}, {} of trace", reader.streams().size(), capture.threads(),
                       capture.threads() == 1 ? "" : "s", human_size(reader.aux_bytes())));
  for (const char* name : {"data", "plan.toml", "capture.json", "periods", "images", "kcore_dir"})
    if (const uint64_t size = reader.directory().empty() ? 0 : size_of(reader.directory() + "/" + name); size != 0)
      out.line(fmt::format("  {:<14}{}", name, human_size(size)));
  if (const uint64_t bytes = not_kept(reader); bytes != 0)
    out.line(fmt::format("not kept  {} of trace between what was kept (mode = ring)", human_size(bytes)));
  const uint64_t open = capture.windows.open_count();
  out.line(fmt::format("windows   {}{}", capture.windows.all().size(),
                       open == 0 ? "" : fmt::format(", {} of them open (no pause came)", open)));
  if (capture.facts.collect) out.line(fmt::format("collected {}", collected_text(capture)));
  for (const capture::AuxStream* each : streams_in_order(reader)) {
    const auto& stream = *each;
    const std::string who = stream.tid >= 0   ? fmt::format("thread {}", stream.tid)
                            : stream.cpu >= 0 ? fmt::format("cpu {}", stream.cpu)
                                              : "several cpus";
    out.line(
        fmt::format("  stream {:<4}{:<16}{:<16}{}", stream.idx, who, comm_of(capture, stream), human_size(stream.size)));
  }
  if (totals != nullptr) {
    out.line(fmt::format("instructions    {}", totals->instructions));
    out.line(fmt::format("branches        {}", totals->branches));
    out.line(fmt::format("taken branches  {}", totals->taken_branches));
    out.line(fmt::format("decode errors   {}", totals->decode_errors));
    for (const auto& [what, count] : totals->errors) out.line(fmt::format("  {:<14}{}", count, what));
    if (totals->outside != 0) out.line(fmt::format("outside         {} instructions in no window", totals->outside));
  }
  const LossTotals loss = all_loss(capture, totals);
  out.line(fmt::format("loss      {}", loss.any() ? "yes:" : "none"));
  print_loss(loss, out);
  for (const auto& why : why_empty(capture, totals)) out.line(fmt::format("empty     {}", why));
  if (!reader.finished() && !reader.directory().empty())
    out.line("unfinished: still being recorded, or its recorder was killed; for perf: tracectl repair " + reader.path());
}

int info(const Options& options) {
  auto capture = OpenCapture::open(options.capture);
  if (!capture) return report_error(capture.error());
  views::Summary summary;
  const bool decode = (options.json || options.decode) && !options.no_decode;
  if (decode)
    if (auto done = summarize(**capture, options.capture, false, summary); !done) return report_error(done.error());
  views::Out out(stdout);
  const views::Totals* totals = decode ? &summary.totals() : nullptr;
  if (options.json)
    out.line(as_json(**capture, totals).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  else
    print_text(**capture, totals, out);
  return finish_output(out, all_loss(**capture, totals).lost_trace());
}

}  // namespace

void add_info(CLI::App& app, VerbRun& run) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("info", "What a capture holds: by which plan, where, how much, every loss");
  add_capture(*verb, options->capture);
  verb->add_flag("--json", options->json, "as JSON, with decoded numbers");
  verb->add_flag("--decode", options->decode, "decode, and show the numbers in the text");
  verb->add_flag("--no-decode", options->no_decode, "leave decoded numbers out of the JSON (null)");
  verb->footer(kFooter);
  verb->callback([options, &run] { run = [options] { return info(*options); }; });
}

}  // namespace tracectl::cli
