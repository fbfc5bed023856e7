// SPDX-License-Identifier: MIT
#include "backends/coresight/flow_decoder.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "backends/coresight/cs_decoder.hpp"
#include "backends/coresight/flow_insn.hpp"
#include "backends/coresight/flow_walk.hpp"
#include "backends/coresight/opencsd_words.hpp"

namespace tracectl::coresight {
namespace {

constexpr const char* kDisagree =
    "a fault of tracectl's: the flow decoder differs from OpenCSD here; use --decoder reference";

// OpenCSD's elements to the walk, from a place on.
class Handed final : public TreeClient {
 public:
  explicit Handed(Walk& walk) : walk_(walk) {}
  // `cut`: in front of the place there was trace, so that it is synchronized already and knows calls.
  void begin(bool cut) {
    cut_ = first_ = cut;
    below_ = overflow_ = range_ = false;
  }
  bool on_element(const Element& e) override {
    using Kind = Element::Kind;
    if (std::exchange(first_, false) && e.kind == Kind::unsynced && e.words.empty()) return true;
    below_ |= cut_ && e.words.find(kReturnStackWords) != std::string::npos;
    if (below_) return false;
    if (e.kind == Kind::on || e.kind == Kind::overflow) overflow_ = !e.known;
    range_ = e.kind == Kind::range;
    offset_ = e.offset;
    return walk_.on_element(e);
  }
  uint32_t read(uint64_t address, std::span<uint8_t> out) override { return walk_.read(address, out); }

  // A return was compressed whose call may lie in front of the place.
  [[nodiscard]] bool below() const { return below_; }
  // The last that it told is the last atom of a packet at `offset`, so that nothing waits in it that would be told later.
  [[nodiscard]] bool stands_behind(uint64_t offset) const { return range_ && offset_ == offset && !overflow_; }

 private:
  Walk& walk_;
  bool cut_ = false, first_ = false, below_ = false, overflow_ = false, range_ = false;
  uint64_t offset_ = 0;
};

// One piece of trace, by both decoders in turn.
class Run {
 public:
  Run(std::span<const std::byte> trace, const FlowTrace& bytes, Tree& tree, Walk& walk, FlowSink& sink, FlowWalk& flow)
      : trace_(trace), bytes_(bytes), tree_(tree), walk_(walk), sink_(sink), flow_(flow), handed_(walk) {}

  void decode() {
    tree_.begin(trace_, handed_);
    const FlowWalk::Place begin{0, walk_.mark(), sink_.given()};
    auto next = find_sync(bytes_.bytes(), 0);
    const auto told = [](uint8_t byte) { return byte != 0; };  // else it is padding
    if (!next && std::any_of(bytes_.bytes().begin(), bytes_.bytes().end(), told)) (void)by_opencsd(begin);
    for (uint64_t at = 0; next && walk_.go(); at = *next) {
      if (flow_.run(*next, at) != FlowWalk::End::unsure) break;
      next = by_opencsd(flow_.last());
      if (handed_.below()) next = by_opencsd(begin);
      if (!next) break;
    }
    flow_.finish();
    if (walk_.go()) tree_.finish();
  }
  [[nodiscard]] uint64_t segments() const { return segments_; }

 private:
  // To where the flow decoder may go on; nullopt: to the end, or below().
  std::optional<uint64_t> by_opencsd(const FlowWalk::Place& place) {
    ++segments_;
    walk_.go_back(place.walk);
    sink_.go_back(place.given);
    handed_.begin(place.at != 0);
    const uint64_t begin = bytes_.offset(place.at);
    if (place.at == 0)
      tree_.start(0, 0);
    else
      tree_.start(bytes_.framed() ? begin / kFrameSize * kFrameSize : begin, bytes_.framed() ? bytes_.id() : 0);
    for (auto next = find_sync(bytes_.bytes(), flow_.at()); next; next = find_sync(bytes_.bytes(), *next + 1)) {
      if (*next == 0) continue;
      // A frame as a whole: no atom lies behind a synchronization packet and its Trace Info in it.
      const uint64_t to = bytes_.offset(*next);
      tree_.advance(bytes_.framed() ? to / kFrameSize * kFrameSize + kFrameSize : to);
      if (!walk_.go() || handed_.below()) return std::nullopt;
      if (!handed_.stands_behind(bytes_.offset(*next - 1)) || !walk_.may_mark()) continue;
      tree_.stop();
      settle();
      return next;
    }
    tree_.advance(trace_.size());
    if (walk_.go() && !handed_.below()) settle();
    return std::nullopt;
  }

  void settle() {
    if (sink_.settle()) return;
    (void)sink_.on_loss({}, {LossKind::undecodable, 0, 0, kDisagree});
  }

  std::span<const std::byte> trace_;
  const FlowTrace& bytes_;
  Tree& tree_;
  Walk& walk_;
  FlowSink& sink_;
  FlowWalk& flow_;
  Handed handed_;
  uint64_t segments_ = 0;
};

class FlowDecoder final : public CsDecoder {
 public:
  using CsDecoder::CsDecoder;

  Result<> decode(const capture::AuxStream& stream, const decode::Piece& piece, std::span<const decode::Turn> turns,
                  decode::ItemSink& sink) override {
    FlowSink once(sink);
    sink_ = &once;
    return CsDecoder::decode(stream, piece, turns, once);
  }
  [[nodiscard]] uint64_t by_opencsd() const { return by_opencsd_; }

 private:
  void feed(const capture::AuxStream& stream, std::span<const std::byte> trace, Tree& tree, Walk& walk) override {
    const auto units = units_of(stream);
    TraceIds ids;
    for (const TraceUnit& unit : units) ids.set(unit.trace_id & kTraceIdMask);
    const auto bytes = stream.raw ? std::optional(FlowTrace::raw(trace)) : FlowTrace::of_frames(trace, ids);
    const TraceUnit* unit = nullptr;
    for (const TraceUnit& each : units)
      if (bytes && (stream.raw || each.trace_id == bytes->id())) unit = &each;
    const auto shape = unit == nullptr ? std::nullopt : packet_shape(*unit);
    if (!shape) {
      ++by_opencsd_;
      return tree.feed(trace, walk);
    }
    constexpr uint64_t kReturnStack = 1u << 12;  // TRCCONFIGR.RS
    FlowPrograms& programs = programs_of(*unit);
    programs.count_for(
        [this](std::span<const decode::Block> blocks, uint64_t times) { sink_->give_counted(blocks, times); });
    FlowWalk flow(*bytes, *shape, (unit->config & kReturnStack) != 0, programs, walk, *sink_);
    Run run(trace, *bytes, tree, walk, *sink_, flow);
    run.decode();
    by_opencsd_ += run.segments();
    programs.count_for(nullptr);
  }

  FlowPrograms& programs_of(const TraceUnit& unit) {
    const decode::ReadInsn read = a64_reader(unit);
    return programs_.try_emplace(read, read).first->second;
  }

  std::map<decode::ReadInsn, FlowPrograms> programs_;
  FlowSink* sink_ = nullptr;
  uint64_t by_opencsd_ = 0;
};

}  // namespace

std::unique_ptr<decode::Decoder> make_flow_decoder(Facts facts) { return std::make_unique<FlowDecoder>(std::move(facts)); }

uint64_t segments_by_opencsd(const decode::Decoder& decoder) {
  return dynamic_cast<const FlowDecoder&>(decoder).by_opencsd();
}

}  // namespace tracectl::coresight
