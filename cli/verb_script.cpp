// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <algorithm>
#include <array>

#include "backends/intel_pt/insn.hpp"
#include "cli/capture_options.hpp"
#include "cli/verbs.hpp"
#include "views/calls.hpp"
#include "views/digest.hpp"
#include "views/filters.hpp"
#include "views/listing.hpp"

namespace tracectl::cli {
namespace {

constexpr const char* kFooter =
    "WHAT:\n"
    "  calls          functions as an indented tree, with instruction counts and source lines (default)\n"
    "  branches       every taken branch: from, to\n"
    "  instructions   every instruction: address, symbol, disassembly, source line\n"
    "  packets        the trace itself, packet by packet\n"
    "Examples:\n"
    "  tracectl script calls --window 1          the call tree of the first window\n"
    "  tracectl script branches --last 20        the branches that led to the end\n"
    "  tracectl script instructions old.data | head";

constexpr std::array<const char*, 4> kWhat = {"calls", "branches", "instructions", "packets"};

struct Options {
  CaptureOptions capture;
  std::string first, second;  // the words, as they came
  std::string what = "calls";
  bool raw = false, digest = false, json = false;
};

Result<> sort_words(Options& options) {
  bool have_capture = false;
  for (const std::string& word : {options.first, options.second}) {
    if (word.empty()) continue;
    if (std::find(kWhat.begin(), kWhat.end(), word) != kWhat.end()) {
      options.what = word;
    } else if (!std::exchange(have_capture, true)) {
      options.capture.path = word;
    } else {
      return fail_usage(fmt::format("neither '{}' nor '{}' is something to list", options.capture.path, word),
                        "calls, branches, instructions or packets");
    }
  }
  if (options.json && (options.raw || options.digest)) return fail_usage("--json goes with neither --raw nor --digest");
  if (options.raw && options.what != "instructions") return fail_usage("--raw goes with `script instructions` only");
  if (options.digest && options.what != "instructions") return fail_usage("--digest goes with `script instructions` only");
  if (options.digest && options.capture.last != 0) return fail_usage("--digest is of a whole stream: drop --last");
  if (options.what == "packets" && options.capture.window != 0)
    return fail_usage("--window does not go with `script packets`", "packets are listed with their offset; use --tid");
  return {};
}

uint8_t insn_length(std::span<const uint8_t> bytes, uint64_t ip) {
  return intel_pt::decode_insn(bytes.data(), bytes.size(), ip).size;
}

// Counts losses for the exit code, on the way to the view.
class CountLoss final : public decode::ItemSink {
 public:
  CountLoss(decode::ItemSink& next, bool& lossy) : next_(next), lossy_(lossy) {}
  bool on_block(const decode::Stamp& s, const decode::Block& b) override { return next_.on_block(s, b); }
  bool on_event(const decode::Stamp& s, const decode::Event& e) override { return next_.on_event(s, e); }
  bool on_loss(const decode::Stamp& s, const decode::Loss& l) override {
    lossy_ = true;
    return next_.on_loss(s, l);
  }

 private:
  decode::ItemSink& next_;
  bool& lossy_;
};

// Decodes one stream into `view`, through what the options ask for.
Result<> show(StreamVisit& visit, const Options& options, bool last_blocks, decode::ItemSink& view, bool& lossy) {
  views::LastBlocks last(options.capture.last, view);
  decode::ItemSink* first = last_blocks ? static_cast<decode::ItemSink*>(&last) : &view;
  views::OnlyWindow window(visit.context, options.capture.window, *first);
  if (options.capture.window != 0) first = &window;
  CountLoss count(*first, lossy);
  auto done = visit.decode(count);
  if (last_blocks) last.replay();
  return done;
}

Result<bool> show_packets(OpenCapture& capture, StreamVisit& visit, views::Out& out) {
  const auto done = for_each_packet(capture, visit, [&](const decode::PacketText& p) {
    if (out.json()) {
      out.line(fmt::format(R"({{"tid":{},"offset":{},"packet":{},"payload":{}}})", visit.context.tid, p.offset,
                           views::quoted(p.name), views::quoted(p.payload)));
      return out.ok();
    }
    const size_t width = p.payload.empty() ? 0 : std::max<size_t>(11, p.name.size() + 1);
    out.line(fmt::format("{} {:016x}  {:<{}}{}", visit.context.tid, p.offset, p.name, width, p.payload));
    return out.ok();
  });
  if (!done) return tl::unexpected(done.error());
  out.release();
  return out.ok();
}

Result<bool> show_stream(OpenCapture& capture, StreamVisit& visit, const Options& options, views::Out& out, bool& lossy) {
  if (options.what == "packets") return show_packets(capture, visit, out);
  const bool last = options.capture.last != 0;
  Result<> done;
  if (options.what == "calls") {
    views::Calls view(visit.context, out);
    done = show(visit, options, false, view, lossy);
    view.finish();
  } else if (options.what == "branches") {
    views::Branches view(visit.context, out);
    // Blocks that do not branch give no line, so all must pass.
    done = show(visit, options, false, view, lossy);
  } else if (options.digest) {
    views::Digest view(visit.context, insn_length, out);
    done = show(visit, options, false, view, lossy);
    view.finish();
  } else {
    views::Instructions view(visit.context, insn_length, options.raw, out);
    done = show(visit, options, last, view, lossy);
  }
  if (!done) return tl::unexpected(done.error());
  out.release();
  return out.ok();
}

// Losses that no item of a stream stands for: behind everything, where nobody takes them for part of a window.
void unplaced_losses(const LossTotals& loss, views::Out& out) {
  for (const auto kind : {LossKind::missed_trigger, LossKind::split_window, LossKind::untraced_program,
                          LossKind::unknown_records, LossKind::cut_file})
    if (loss[kind] != 0) views::unplaced_loss_line(out, kind, loss[kind]);
}

int script(Options& options) {
  if (auto sorted = sort_words(options); !sorted) return report_error(sorted.error());
  auto capture = OpenCapture::open(options.capture);
  if (!capture) return report_error(capture.error());
  views::Out out(stdout);
  if (options.json) out.as_json();
  if (options.capture.limit != 0) out.limit(options.capture.limit);
  if (options.capture.last != 0) out.keep_last(options.capture.last);
  bool lossy = false;
  const auto done = for_each_stream(**capture, options.capture,
                                    [&](StreamVisit& visit) { return show_stream(**capture, visit, options, out, lossy); });
  if (!done) {
    out.flush();
    return report_error(done.error());
  }
  const bool whole = options.capture.window == 0 && options.capture.last == 0 && options.capture.tid < 0;
  if (whole && !options.raw && !options.digest && options.what != "packets") unplaced_losses((*capture)->loss, out);
  return finish_output(out, lossy);
}

}  // namespace

void add_script(CLI::App& app, VerbRun& run) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("script", "The trace as text: calls, branches, instructions or packets");
  verb->add_option("WHAT", options->first, "calls, branches, instructions or packets; else calls");
  verb->add_option("CAPTURE", options->second, "a capture directory, or a perf.data file with trace; else tracectl.data");
  add_symfs(*verb, options->capture);
  add_decoder(*verb, options->capture);
  add_thread_and_window(*verb, options->capture);
  verb->add_option("--last", options->capture.last, "only the last N lines of each thread")->check(CLI::PositiveNumber);
  verb->add_option("--limit", options->capture.limit, "at most N lines")->check(CLI::PositiveNumber);
  verb->add_flag("--json", options->json, "one JSON object a line");
  verb->add_flag("--raw", options->raw, "instructions: only \"TID ADDRESS\", without names");
  verb->add_flag("--digest", options->digest, "instructions: only \"TID COUNT HASH\" of each thread and program");
  verb->footer(kFooter);
  verb->callback([options, &run] { run = [options] { return script(*options); }; });
}

}  // namespace tracectl::cli
