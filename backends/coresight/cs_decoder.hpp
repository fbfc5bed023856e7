// SPDX-License-Identifier: MIT
// CsDecoder: what the reference decoder and the flow decoder of CoreSight share: which units' trace is in a stream, whose
// time and thread it has. It decodes by OpenCSD; who decodes otherwise says how a piece is fed.
#pragma once

#include <map>
#include <tuple>
#include <utility>

#include "backends/coresight/code.hpp"
#include "backends/coresight/facts.hpp"
#include "backends/coresight/tree.hpp"
#include "backends/coresight/walk.hpp"
#include "decode/decoder.hpp"

namespace tracectl::coresight {

class CsDecoder : public decode::Decoder {
 public:
  explicit CsDecoder(Facts facts) : facts_(std::move(facts)) {}
  std::vector<decode::Source> sources(const capture::AuxStream& stream, std::span<const std::byte> trace) override;
  bool use_threads(decode::ThreadTurns& threads) override;
  Result<> decode(const capture::AuxStream& stream, const decode::Piece& piece, std::span<const decode::Turn> turns,
                  decode::ItemSink& sink) override;
  std::span<const std::byte> opening(std::span<const std::byte>) override { return {}; }
  uint64_t next_start(const capture::AuxStream& stream, std::span<const std::byte> trace, uint64_t from) override;
  uint64_t start_time(const capture::AuxStream& stream, std::span<const std::byte> trace) override;
  Result<> packets(const capture::AuxStream& stream, std::span<const std::byte> trace,
                   const std::function<bool(const decode::PacketText&)>& fn) override;

 protected:
  // One piece of trace to the walk.
  virtual void feed(const capture::AuxStream& stream, std::span<const std::byte> trace, Tree& tree, Walk& walk);
  // Those whose trace is to be taken out of a stream.
  [[nodiscard]] std::vector<TraceUnit> units_of(const capture::AuxStream& stream) const;

 private:
  [[nodiscard]] bool has_packet(const capture::AuxStream& stream, std::span<const std::byte> trace);
  Result<Tree*> tree_of(const capture::AuxStream& stream);

  Facts facts_;
  Code code_;
  decode::ThreadTurns* threads_ = nullptr;
  std::map<std::tuple<bool, int32_t, uint8_t>, Tree> trees_;
};

}  // namespace tracectl::coresight
