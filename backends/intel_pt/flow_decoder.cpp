// SPDX-License-Identifier: MIT
#include "backends/intel_pt/flow_decoder.hpp"

#include <utility>

#include "backends/intel_pt/decoder.hpp"
#include "backends/intel_pt/flow_chunks.hpp"
#include "backends/intel_pt/flow_walk.hpp"
#include "backends/intel_pt/reference.hpp"
#include "backends/intel_pt/sync.hpp"
#include "core/check.hpp"

namespace tracectl::intel_pt {
namespace {

constexpr const char* kDisagree =
    "a fault of tracectl's: the flow decoder differs from libipt here; use --decoder reference";

// One stretch of trace, by both decoders in turn.
class Run {
 public:
  Run(const FlowThreads& threads, const TraceFacts& facts, ReferenceStore& store, decode::CodeFiles& files, int32_t cpu,
      std::span<const std::byte> trace, std::span<const decode::Turn> turns, decode::ItemSink& sink)
      : facts_(facts),
        store_(store),
        trace_(trace),
        turns_(turns),
        delivery_(facts, cpu, sink),
        flow_(trace, turns, files, facts, delivery_),
        chunks_(threads, facts, cpu, trace, turns, sink.counts_only()) {
    delivery_.use(flow_.programs());
  }

  [[nodiscard]] uint64_t segments_by_libipt() const { return segments_; }

  Result<> decode() {
    using End = ReferenceWalk::End;
    ReferenceWalk::Stop next{End::error, find_psb(trace_, 0)};
    if (!next.psb) delivery_.lose(0, trace_.size(), kNoSync);
    while (next.psb && delivery_.go()) {
      if (by_chunk(next)) continue;
      flow_.stop_at(chunks_.next(*next.psb));
      const FlowWalk::End end = flow_.run(*next.psb, next.end == End::sync);
      if (end == FlowWalk::End::cut) next = {End::sync, flow_.cut()};
      if (end == FlowWalk::End::cut) continue;
      if (end != FlowWalk::End::unsure) break;
      next = by_libipt(flow_.last());
      if (next.end == End::below) next = by_libipt(flow_.first());
      if (walk_ == nullptr) return fail("cannot decode: libipt refused its configuration");
      if (next.end != End::sync && !delivery_.settle() && delivery_.go()) delivery_.lose(flow_.last().psb, 0, kDisagree);
    }
    flow_.finish();
    return {};
  }

 private:
  // Others have decoded from here on.
  bool by_chunk(ReferenceWalk::Stop& next) {
    auto chunk = chunks_.take(*next.psb);
    if (chunk == nullptr) return false;
    const bool good = chunk->sure && !flow_.time_adds_up() && delivery_.fits(chunk->part);
    if (good) {
      if (next.end != ReferenceWalk::End::sync) flow_.begin(*next.psb);
      flow_.finish();
      delivery_.adopt(chunk->part);
      next = {ReferenceWalk::End::sync, chunk->end};
    }
    chunks_.give_back(std::move(chunk));
    return good;
  }

  // From `place` on, where less had been delivered than by now.
  ReferenceWalk::Stop by_libipt(const FlowWalk::Place& place) {
    // What libipt knows of the code only grows: it cannot go back.
    if (place.psb < walked_) walk_ = nullptr;
    if (walk_ == nullptr) walk_ = store_.walk(facts_, trace_, turns_, delivery_);
    if (walk_ == nullptr) return {};
    ++segments_;
    delivery_.go_back(place.mark, walk_->programs());
    const auto stop = walk_->run(place.psb, true, place.psb != flow_.first().psb);
    walked_ = stop.psb.value_or(trace_.size());
    delivery_.hand_over(flow_.programs());
    return stop;
  }

  const TraceFacts& facts_;
  ReferenceStore& store_;
  std::span<const std::byte> trace_;
  std::span<const decode::Turn> turns_;
  Delivery delivery_;
  FlowWalk flow_;
  FlowChunks chunks_;
  std::unique_ptr<ReferenceWalk> walk_;
  uint64_t walked_ = 0, segments_ = 0;  // how far, how often by libipt
};

class FlowDecoder final : public decode::Decoder {
 public:
  FlowDecoder(TraceFacts facts, std::unique_ptr<decode::Decoder> reference, const FlowThreads& threads)
      : threads_(threads), facts_(std::move(facts)), reference_(std::move(reference)), store_(make_reference_store()) {}

  Result<> decode(const capture::AuxStream& stream, const decode::Piece& piece, std::span<const decode::Turn> turns,
                  decode::ItemSink& sink) override {
    TRACECTL_CHECK(!turns.empty(), "a stream without a program");
    if (piece.trace.empty()) return {};
    Run run(threads_, facts_, *store_, files_, stream.cpu, piece.trace, turns, sink);
    auto done = run.decode();
    by_libipt_ += run.segments_by_libipt();
    return done;
  }

  [[nodiscard]] uint64_t by_libipt() const { return by_libipt_; }
  std::span<const std::byte> opening(std::span<const std::byte> trace) override { return reference_->opening(trace); }
  uint64_t next_start(const capture::AuxStream& stream, std::span<const std::byte> trace, uint64_t from) override {
    return reference_->next_start(stream, trace, from);
  }
  uint64_t start_time(const capture::AuxStream& stream, std::span<const std::byte> trace) override {
    return reference_->start_time(stream, trace);
  }
  Result<> packets(const capture::AuxStream& stream, std::span<const std::byte> trace,
                   const std::function<bool(const decode::PacketText&)>& fn) override {
    return reference_->packets(stream, trace, fn);
  }

 private:
  FlowThreads threads_;
  TraceFacts facts_;
  std::unique_ptr<decode::Decoder> reference_;
  std::unique_ptr<ReferenceStore> store_;
  decode::CodeFiles files_;
  uint64_t by_libipt_ = 0;
};

}  // namespace

uint64_t segments_by_libipt(const decode::Decoder& decoder) { return dynamic_cast<const FlowDecoder&>(decoder).by_libipt(); }

Result<std::unique_ptr<decode::Decoder>> make_flow_decoder(const capture::AuxInfo& info, const std::string& cpuid,
                                                           uint64_t config, const FlowThreads& threads) {
  TraceFacts facts{info, parse_cpuid(cpuid), config};
  auto reference = make_decoder(info, cpuid, config);
  if (reference == nullptr) return nullptr;
  return std::make_unique<FlowDecoder>(std::move(facts), std::move(reference), threads);
}

}  // namespace tracectl::intel_pt
