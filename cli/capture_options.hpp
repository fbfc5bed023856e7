// SPDX-License-Identifier: MIT
// What the verbs that read a capture share: the CAPTURE argument, the opened capture with
// everything that its records tell, and the walk over its streams.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/capture/reader.hpp"
#include "core/result.hpp"
#include "decode/capture_facts.hpp"
#include "decode/decoder.hpp"
#include "decode/image.hpp"
#include "decode/locate.hpp"
#include "decode/loss_marks.hpp"
#include "decode/schedule.hpp"
#include "decode/window.hpp"
#include "views/context.hpp"
#include "views/out.hpp"
#include "views/summary.hpp"

namespace tracectl::cli {

struct CaptureOptions {
  std::string path = "tracectl.data";
  int32_t tid = -1;              // only this thread; -1: all
  uint64_t window = 0;           // only the window of this number; 0: all
  uint64_t last = 0;             // only the last lines of each thread; 0: all
  uint64_t limit = 0;            // at most so many lines; 0: all
  std::string symfs;             // where the traced files are, when the capture was made elsewhere
  std::string decoder = "flow";  // or "reference"
};

// --symfs, --decoder; add_capture() adds them too.
void add_symfs(CLI::App& verb, CaptureOptions& options);
void add_decoder(CLI::App& verb, CaptureOptions& options);
void add_capture(CLI::App& verb, CaptureOptions& options);
void add_thread_and_window(CLI::App& verb, CaptureOptions& options);

// A capture with what its records tell. Everything that it hands out lives as long as it.
struct OpenCapture {
  static Result<std::unique_ptr<OpenCapture>> open(const CaptureOptions& options);
  explicit OpenCapture(capture::Reader r) : reader(std::move(r)) {}

  capture::Reader reader;
  decode::CaptureFacts facts;
  decode::ImageSet images;
  decode::Schedule schedule;
  decode::WindowSet windows;
  decode::SymbolStore symbols;
  decode::ThreadTurns thread_turns{images};
  std::unique_ptr<decode::Decoder> decoder;  // null: no decoder for this trace
  bool threads_in_trace = false;             // Decoder::use_threads
  LossTotals loss;                           // of the recording: the file's own and capture.json's

  [[nodiscard]] std::string backend() const;
  [[nodiscard]] std::string machine() const;
  [[nodiscard]] uint64_t threads() const;
};

// One stream while it is walked. `context` is that of the turn that is decoded: see views/follow.hpp.
struct StreamVisit {
  const capture::AuxStream* stream = nullptr;
  std::span<const std::byte> trace;
  std::vector<decode::Turn> turns;
  views::StreamContext context;
  std::function<Result<>(decode::ItemSink&)> decode;
};

// By idx: the order in which the threads began.
std::vector<const capture::AuxStream*> streams_in_order(const capture::Reader& reader);
// Calls `fn` for every stream that the options select; false from it stops the walk.
Result<> for_each_stream(OpenCapture& capture, const CaptureOptions& options,
                         const std::function<Result<bool>(StreamVisit&)>& fn);

// The streams that the options select; of each what the chosen window needs.
std::vector<capture::AuxStream> selected_streams(const OpenCapture& capture, const CaptureOptions& options);
// One of them, or a part of one (decode::slice_of), with its source set. `marks`: the losses to be told with it.
Result<> visit_part(OpenCapture& capture, const CaptureOptions& options, const capture::AuxStream& part,
                    const decode::LossMarks& marks, const std::function<Result<bool>(StreamVisit&)>& fn);

// Its trace can be decoded; else why not.
Result<> need_decoder(const OpenCapture& capture);

// The packets of a stream, as Decoder::packets gives them.
Result<> for_each_packet(OpenCapture& capture, const StreamVisit& visit,
                         const std::function<bool(const decode::PacketText&)>& fn);

// Decodes all selected streams into a summary; `functions`: names too, which costs more.
Result<> summarize(OpenCapture& capture, const CaptureOptions& options, bool functions, views::Summary& summary);

// Why the capture has no instruction, a line each; none where it has some.
[[nodiscard]] std::vector<std::string> why_no_instructions(const OpenCapture& capture, const views::Totals& totals);

// Ends a verb: flushes, and gives the exit code (1: could not write, 4: `lossy`).
int finish_output(views::Out& out, bool lossy);

}  // namespace tracectl::cli
