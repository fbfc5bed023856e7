// SPDX-License-Identifier: MIT
#include "decode/decode_runs.hpp"

#include <array>

#include "decode/stream_bytes.hpp"

namespace tracectl::decode {
namespace {

// A run's own positions and last answer, for the loop over runs.
class RunSink final : public ItemSink {
 public:
  RunSink(ItemSink& next, uint64_t begin) : next_(next), begin_(begin) {}
  bool on_block(const Stamp& s, const Block& b) override { return go_on_ = next_.on_block(moved(s), b); }
  bool on_blocks(const Stamp& s, std::span<const Block> b) override {
    const bool stays = begin_ == 0 && opening_ == 0;
    return go_on_ = next_.on_blocks(stays ? s : moved(s), b);
  }
  bool on_lasting(const Stamp& s, std::span<const Block> b) override { return on_blocks(s, b); }
  [[nodiscard]] bool counts_only() const override { return next_.counts_only(); }
  void on_counted(const Stamp& s, std::span<const Block> b, uint64_t times) override {
    next_.on_counted(moved(s), b, times);
  }
  bool on_event(const Stamp& s, const Event& e) override { return go_on_ = next_.on_event(moved(s), e); }
  bool on_loss(const Stamp& s, const Loss& l) override { return go_on_ = next_.on_loss(moved(s), l); }
  [[nodiscard]] bool go_on() const { return go_on_; }
  // So many bytes in front of the run's own.
  void opened_by(uint64_t bytes) { opening_ = bytes; }

 private:
  [[nodiscard]] Stamp moved(Stamp s) const {
    s.offset = begin_ + (s.offset > opening_ ? s.offset - opening_ : 0);
    return s;
  }
  ItemSink& next_;
  uint64_t begin_, opening_ = 0;
  bool go_on_ = true;
};

// One run; `turns` from the one in which it begins.
Result<> decode_run(Decoder& decoder, const capture::AuxStream& stream, std::span<const std::byte> trace, const Run& run,
                    std::span<const Turn> turns, RunSink& sink) {
  const auto bytes = trace.subspan(run.begin, run.size);
  // Behind a gap, or where the rest was left out, a run begins anywhere in a packet, and only a sync point helps.
  const bool anywhere = run.missing != 0 || (run.begin == 0 && stream.skipped != 0);
  const auto opening = !anywhere ? decoder.opening(bytes) : std::span<const std::byte>{};
  if (opening.empty()) return decoder.decode(stream, {bytes, run.time}, turns, sink);
  const std::array parts = {opening, bytes};
  const auto joined = StreamBytes::join(parts);
  if (!joined) return tl::unexpected<Error>(joined.error());
  sink.opened_by(opening.size());
  return decoder.decode(stream, {joined->bytes(), run.time}, turns, sink);
}

}  // namespace

Result<> decode_runs(Decoder& decoder, const capture::AuxStream& stream, std::span<const std::byte> trace,
                     const std::vector<Turn>& turns, ItemSink& sink) {
  for (const auto& run : runs_of(stream)) {
    RunSink next(sink, stream.skipped + run.begin);
    const uint64_t told = decoder.start_time(stream, trace.subspan(run.begin, run.size));
    const uint64_t start = told != 0 ? told : run.time;
    const Turn& turn = turn_at(turns, start);
    const auto begun = run.begin == 0 && run.time == 0 ? 0 : static_cast<size_t>(&turn - turns.data());
    const auto from = std::span<const Turn>(turns).subspan(begun);
    Stamp stamp{start, turn.pid, turn.tid, stream.cpu, 0, &turn};
    if (run.missing != 0 && !next.on_event(stamp, {Event::Kind::gap, 0, run.missing, "gap"})) break;
    if (run.size == 0) continue;
    if (auto r = decode_run(decoder, stream, trace, run, from, next); !r) return r;
    if (!next.go_on()) break;
  }
  return {};
}

}  // namespace tracectl::decode
