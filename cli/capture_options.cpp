// SPDX-License-Identifier: MIT
#include "cli/capture_options.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "backends/coresight/decoder.hpp"
#include "backends/coresight/flow_decoder.hpp"
#include "backends/coresight/snapshot_capture.hpp"
#include "backends/intel_pt/decoder.hpp"
#include "backends/intel_pt/flow_decoder.hpp"
#include "cli/verbs.hpp"
#include "core/capture/snapshot.hpp"
#include "core/perf/uapi.hpp"
#include "core/units.hpp"
#include "decode/decode_runs.hpp"
#include "decode/loss_marks.hpp"
#include "decode/seek.hpp"
#include "decode/stream_bytes.hpp"
#include "views/follow.hpp"

namespace tracectl::cli {
namespace {

constexpr uint32_t kIntelPt = perf::kAuxtraceIntelPt, kCoresight = perf::kAuxtraceCsEtm;  // AuxInfo::type

// Passes everything on and says on a terminal how far the decoder is.
class Progress final : public decode::ItemSink {
 public:
  Progress(decode::ItemSink& next, uint64_t done, uint64_t all) : next_(next), done_(done), all_(all) {}
  bool on_block(const decode::Stamp& s, const decode::Block& b) override {
    if ((++blocks_ & 0xfffff) == 0) show(s.offset);
    return next_.on_block(s, b);
  }
  bool on_blocks(const decode::Stamp& s, std::span<const decode::Block> b) override {
    if ((blocks_ & 0xfffff) + b.size() > 0xfffff) show(s.offset);
    blocks_ += b.size();
    return next_.on_blocks(s, b);
  }
  [[nodiscard]] bool counts_only() const override { return next_.counts_only(); }
  void on_counted(const decode::Stamp& s, std::span<const decode::Block> b, uint64_t times) override {
    next_.on_counted(s, b, times);
  }
  bool on_event(const decode::Stamp& s, const decode::Event& e) override {
    if ((++events_ & 0xfff) == 0) show(s.offset);
    return next_.on_event(s, e);
  }
  bool on_loss(const decode::Stamp& s, const decode::Loss& l) override { return next_.on_loss(s, l); }
  ~Progress() override {
    if (shown_) std::fputs("\r\033[K", stderr);
  }

 private:
  void show(uint64_t offset) {
    using Clock = std::chrono::steady_clock;
    static const Clock::time_point start = Clock::now();
    if (Clock::now() - start < std::chrono::seconds(1)) return;
    shown_ = true;
    fmt::print(stderr, "\rdecoding: {} %", all_ == 0 ? 100 : (done_ + offset) * 100 / all_);
  }
  decode::ItemSink& next_;
  uint64_t done_, all_, blocks_ = 0, events_ = 0;
  bool shown_ = false;
};

// nullptr: of a technology that we have no decoder for.
Result<std::unique_ptr<decode::Decoder>> decoder_for(const capture::Reader& reader, bool flow) {
  const capture::AuxInfo& info = reader.aux_info();
  if (info.type == kCoresight) {
    auto facts = coresight::facts_of(reader);
    if (!facts) return tl::unexpected(facts.error());
    return flow ? coresight::make_flow_decoder(std::move(*facts)) : coresight::make_decoder(std::move(*facts));
  }
  if (info.type != kIntelPt) return nullptr;
  if (flow) return intel_pt::make_flow_decoder(reader);
  return intel_pt::make_decoder(reader);
}

Result<> no_decoder(const OpenCapture& capture) {
  if (capture.reader.aux_info().type == 0)
    return fail("cannot decode: the capture holds no trace (no AUXTRACE_INFO record)");
  return fail_unsupported(fmt::format("cannot decode {} trace yet", capture.backend()),
                          capture.backend() == "intel_pt" ? "it was built without libipt, which Debian has for x86 alone"
                                                          : "`tracectl info` reads the capture without decoding it");
}

// With the losses that records tell of.
Result<> decode_marked(decode::Decoder& decoder, const StreamVisit& visit, const std::vector<decode::LossMark>& marks,
                       decode::ItemSink& sink) {
  if (marks.empty()) return decode::decode_runs(decoder, *visit.stream, visit.trace, visit.turns, sink);
  decode::MarkSink marked(sink, marks);
  if (auto r = decode::decode_runs(decoder, *visit.stream, visit.trace, visit.turns, marked); !r) return r;
  const decode::Stamp end{0, visit.context.pid, visit.context.tid, visit.stream->cpu, visit.stream->size, nullptr};
  (void)marked.finish(end);
  return {};
}

}  // namespace

void add_symfs(CLI::App& verb, CaptureOptions& options) {
  verb.add_option("--symfs", options.symfs, "look for the traced files in DIR first (a capture from another machine)")
      ->check(CLI::ExistingDirectory);
}

void add_decoder(CLI::App& verb, CaptureOptions& options) {
  verb.add_option("--decoder", options.decoder, "flow, or reference: the same by libipt and OpenCSD alone, much slower")
      ->check(CLI::IsMember({"reference", "flow"}))
      ->capture_default_str();
}

void add_capture(CLI::App& verb, CaptureOptions& options) {
  add_symfs(verb, options);
  add_decoder(verb, options);
  verb.add_option("CAPTURE", options.path,
                  "a capture directory, a perf.data file with trace, or a CoreSight snapshot directory")
      ->capture_default_str();
}

void add_thread_and_window(CLI::App& verb, CaptureOptions& options) {
  verb.add_option("--tid", options.tid, "only this thread");
  verb.add_option("--window", options.window, "only window N (from 1, as `script calls` numbers them)")
      ->check(CLI::PositiveNumber);
}

Result<std::unique_ptr<OpenCapture>> OpenCapture::open(const CaptureOptions& options) {
  struct stat st;
  if (::stat(options.path.c_str(), &st) != 0 && errno == ENOENT)
    return fail(fmt::format("no capture: {} does not exist", options.path),
                "make one with `tracectl run plan.toml -- CMD`, or name one that exists");
  const bool snapshot = capture::is_snapshot(options.path);
  auto reader = snapshot ? coresight::open_snapshot(options.path) : capture::Reader::open(options.path);
  if (!reader) return tl::unexpected(reader.error());
  auto out = std::make_unique<OpenCapture>(std::move(*reader));
  auto facts = decode::read_capture_facts(out->reader.directory());
  if (!facts) return tl::unexpected(facts.error());
  out->facts = std::move(*facts);
  out->images = decode::ImageSet::from_capture(out->reader, options.symfs);
  out->schedule = decode::Schedule::from_capture(out->reader);
  out->windows = decode::WindowSet::from_capture(out->reader, out->facts);
  auto decoder = decoder_for(out->reader, options.decoder == "flow");
  if (!decoder) return tl::unexpected(decoder.error());
  out->decoder = std::move(*decoder);
  if (snapshot) out->facts.machine = "snapshot";
  // A snapshot has no threads: its context ids name none.
  if (out->decoder != nullptr && !snapshot) out->threads_in_trace = out->decoder->use_threads(out->thread_turns);
  for (size_t i = 0; i < kLossKinds; ++i)
    out->loss.count[i] = std::max(out->reader.loss().count[i], out->facts.loss.count[i]);
  if (options.window > out->windows.all().size())
    return fail_usage(fmt::format("no window {}: the capture has {}", options.window,
                                  out->windows.all().empty() ? "none" : std::to_string(out->windows.all().size())));
  return out;
}

std::vector<const capture::AuxStream*> streams_in_order(const capture::Reader& reader) {
  std::vector<const capture::AuxStream*> out;
  for (const auto& stream : reader.streams()) out.push_back(&stream);
  std::stable_sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->idx < b->idx; });
  return out;
}

std::string OpenCapture::backend() const {
  if (!facts.backend.empty()) return facts.backend;
  const uint32_t type = reader.aux_info().type;
  return type == kIntelPt ? "intel_pt" : type == kCoresight ? "coresight" : "unknown";
}

std::string OpenCapture::machine() const { return facts.machine.empty() ? "kernel" : facts.machine; }

uint64_t OpenCapture::threads() const {
  std::set<int32_t> tids;
  for (const auto& s : reader.streams())
    for (const decode::Turn& turn : schedule.of(s, images, 0))
      if (turn.tid > 0) tids.insert(turn.tid);
  return tids.size();
}

namespace {

bool selects(const CaptureOptions& options, const capture::AuxStream& stream) {
  return options.tid < 0 || stream.cpu >= 0 || stream.tid < 0 || stream.tid == options.tid;
}

// Of a stream, what the chosen window needs.
capture::AuxStream wanted(const OpenCapture& capture, const CaptureOptions& options, const capture::AuxStream& stream) {
  if (options.window == 0) return stream;
  const decode::Window& window = capture.windows.all()[options.window - 1];
  const auto time = [&](const capture::AuxFragment& f) {
    return capture.decoder->start_time(stream, capture.reader.bytes(f));
  };
  return decode::part_of(stream, window.begin, window.open ? ~uint64_t{0} : window.end, time);
}

// One walk over the streams that the options select.
struct StreamWalk {
  OpenCapture& capture;
  const CaptureOptions& options;
  const std::function<Result<bool>(StreamVisit&)>& fn;
  const decode::LossMarks& marks;
  uint64_t done = 0;  // bytes
  bool found = false;

  [[nodiscard]] std::string comm(int32_t pid, uint64_t time) const { return capture.images.comm(pid, time); }
  Result<bool> visit(const capture::AuxStream& stream, std::span<const std::byte> trace, bool marked);
  Result<> decode(StreamVisit& visit, bool marked, decode::ItemSink& sink);
  Result<bool> each_source(const capture::AuxStream& whole);
};

Result<> StreamWalk::decode(StreamVisit& visit, bool marked, decode::ItemSink& sink) {
  static const std::vector<decode::LossMark> none;
  const auto& known = marked ? marks.of(*visit.stream) : none;
  views::Follow follow([this](int32_t pid, uint64_t time) { return comm(pid, time); }, options.tid, visit.context, sink);
  const bool turns = visit.turns.size() > 1 || capture.threads_in_trace;
  decode::ItemSink& next = turns ? static_cast<decode::ItemSink&>(follow) : sink;
  if (::isatty(STDERR_FILENO) == 0) return decode_marked(*capture.decoder, visit, known, next);
  Progress progress(next, done, capture.reader.aux_bytes());
  return decode_marked(*capture.decoder, visit, known, progress);
}

Result<bool> StreamWalk::visit(const capture::AuxStream& stream, std::span<const std::byte> trace, bool marked) {
  StreamVisit visit;
  visit.stream = &stream;
  visit.trace = trace;
  const uint64_t start = capture.decoder->start_time(stream, trace);
  visit.turns = capture.schedule.of(stream, capture.images, start);
  const auto is_wanted = [this](const decode::Turn& turn) { return turn.tid == options.tid; };
  const bool may_be = options.tid < 0 || (capture.threads_in_trace && stream.tid < 0) ||
                      std::any_of(visit.turns.begin(), visit.turns.end(), is_wanted);
  if (!may_be) return true;
  found = true;
  const decode::Turn& first = decode::turn_at(visit.turns, start);
  decode::Locator locator(capture.symbols, *first.images);
  visit.context = {first.pid, first.tid, stream.cpu, comm(first.pid, start), &locator, &capture.windows};
  visit.decode = [&](decode::ItemSink& sink) { return decode(visit, marked, sink); };
  return fn(visit);
}

Result<bool> StreamWalk::each_source(const capture::AuxStream& whole) {
  const capture::AuxStream stream = wanted(capture, options, whole);
  const auto bytes = decode::StreamBytes::of(capture.reader, stream);
  if (!bytes) return tl::unexpected(bytes.error());
  const auto sources = capture.decoder->sources(stream, bytes->bytes());
  bool marked = true;  // the losses that records tell of are said once
  for (const decode::Source& source : sources) {
    capture::AuxStream part = stream;
    part.source = source.id;
    part.cpu = source.cpu;
    auto go_on = visit(part, bytes->bytes(), std::exchange(marked, false));
    if (!go_on || !*go_on) return go_on;
  }
  return true;
}

}  // namespace

Result<> for_each_stream(OpenCapture& capture, const CaptureOptions& options,
                         const std::function<Result<bool>(StreamVisit&)>& fn) {
  if (capture.decoder == nullptr) return no_decoder(capture);
  decode::LossMarks marks;
  if (capture.reader.loss().any()) marks = decode::LossMarks::from_capture(capture.reader);
  StreamWalk walk{capture, options, fn, marks, 0, options.tid < 0};
  for (const capture::AuxStream* stream : streams_in_order(capture.reader)) {
    if (!selects(options, *stream)) continue;
    const auto go_on = walk.each_source(*stream);
    if (!go_on) return tl::unexpected(go_on.error());
    if (!*go_on) break;
    walk.done += stream->size;
  }
  if (!walk.found) return fail_usage(fmt::format("no trace of thread {} in {}", options.tid, capture.reader.path()));
  return {};
}

Result<> need_decoder(const OpenCapture& capture) {
  if (capture.decoder == nullptr) return no_decoder(capture);
  return {};
}

std::vector<capture::AuxStream> selected_streams(const OpenCapture& capture, const CaptureOptions& options) {
  std::vector<capture::AuxStream> out;
  for (const capture::AuxStream* stream : streams_in_order(capture.reader))
    if (selects(options, *stream)) out.push_back(wanted(capture, options, *stream));
  return out;
}

Result<> visit_part(OpenCapture& capture, const CaptureOptions& options, const capture::AuxStream& part,
                    const decode::LossMarks& marks, const std::function<Result<bool>(StreamVisit&)>& fn) {
  if (auto can = need_decoder(capture); !can) return can;
  const auto bytes = decode::StreamBytes::of(capture.reader, part);
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  StreamWalk walk{capture, options, fn, marks};
  const auto done = walk.visit(part, bytes->bytes(), true);
  if (!done) return tl::unexpected<Error>(done.error());
  return {};
}

Result<> for_each_packet(OpenCapture& capture, const StreamVisit& visit,
                         const std::function<bool(const decode::PacketText&)>& fn) {
  if (visit.stream->pieces.empty()) return capture.decoder->packets(*visit.stream, visit.trace, fn);
  bool go = true;
  for (const auto& run : decode::runs_of(*visit.stream)) {
    const auto moved = [&](decode::PacketText packet) {
      packet.offset += run.begin;
      return go = fn(packet);
    };
    if (auto done = capture.decoder->packets(*visit.stream, visit.trace.subspan(run.begin, run.size), moved); !done)
      return done;
    if (!go) break;
  }
  return {};
}

Result<> summarize(OpenCapture& capture, const CaptureOptions& options, bool functions, views::Summary& summary) {
  return for_each_stream(capture, options, [&](StreamVisit& visit) -> Result<bool> {
    if (!functions) visit.context.locator = nullptr;
    views::Summary::Stream sink(summary, visit.context);
    if (auto done = visit.decode(sink); !done) return tl::unexpected(done.error());
    sink.finish();
    return true;
  });
}

std::vector<std::string> why_no_instructions(const OpenCapture& capture, const views::Totals& totals) {
  if (totals.instructions != 0) return {};
  if (!capture.facts.why_empty.empty()) return capture.facts.why_empty;
  const uint64_t bytes = capture.reader.aux_bytes();
  if (bytes == 0) return {capture.reader.finished() ? "there is no trace in it" : "its recorder wrote no trace"};
  return {fmt::format("{} of trace, but decoding can start nowhere in it: a larger size in [buffer], or psb_period = 0",
                      human_size(bytes))};
}

int finish_output(views::Out& out, bool lossy) {
  if (!out.flush()) return report_error(fail_errno("cannot write the output").value());
  constexpr int kDoneWithLoss = 4;
  return lossy ? kDoneWithLoss : 0;
}

}  // namespace tracectl::cli
