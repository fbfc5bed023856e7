// SPDX-License-Identifier: MIT
#include "backends/coresight/decoder.hpp"

#include <algorithm>
#include <utility>

#include "backends/coresight/cs_decoder.hpp"
#include "backends/coresight/frames.hpp"
#include "backends/coresight/packet_reader.hpp"
#include "core/check.hpp"
#include "decode/stream_bytes.hpp"

namespace tracectl::coresight {
namespace {

constexpr uint64_t kAnyId = 1;  // a raw stream has none

// Stops at the first timestamp. Code is none, and so decoding ends early; timestamps come all the same.
class FirstTime final : public TreeClient {
 public:
  bool on_element(const Element& e) override {
    if (e.kind == Element::Kind::time) time_ = e.time;
    return time_ == 0;
  }
  uint32_t read(uint64_t, std::span<uint8_t>) override { return 0; }
  [[nodiscard]] uint64_t time() const { return time_; }

 private:
  uint64_t time_ = 0;
};

}  // namespace

std::vector<decode::Source> CsDecoder::sources(const capture::AuxStream& stream, std::span<const std::byte> trace) {
  std::vector<decode::Source> out;
  // One thread's trace is one sequence, whichever units it came from.
  if (!stream.raw && stream.tid < 0) {
    TraceIds ids;
    for (const auto& run : decode::runs_of(stream)) ids |= ids_in_frames(trace.subspan(run.begin, run.size));
    for (const TraceUnit& unit : facts_.units_of(stream))
      if (unit.trace_id != 0 && ids[unit.trace_id]) out.push_back({static_cast<uint8_t>(unit.trace_id), unit.cpu});
  }
  if (out.empty()) out.push_back({0, stream.cpu});
  return out;
}

bool CsDecoder::use_threads(decode::ThreadTurns& threads) {
  threads_ = &threads;
  return true;
}

Result<> CsDecoder::decode(const capture::AuxStream& stream, const decode::Piece& piece, std::span<const decode::Turn> turns,
                           decode::ItemSink& sink) {
  TRACECTL_CHECK(!turns.empty(), "a stream without a program");
  if (piece.trace.empty()) return {};
  const auto tree = tree_of(stream);
  if (!tree) return tl::unexpected<Error>(tree.error());
  const bool names = stream.tid < 0 && threads_ != nullptr;
  Walk walk(facts_.clock ? &*facts_.clock : nullptr, code_, stream.cpu, piece.time, turns, names ? threads_ : nullptr, sink);
  // Without any unit there is nothing that could be decoded: a snapshot of other sources only.
  if (*tree != nullptr) feed(stream, piece.trace, **tree, walk);
  walk.finish(piece.trace, facts_.info.units.empty() || (walk.silent() && has_packet(stream, piece.trace)));
  return {};
}

void CsDecoder::feed(const capture::AuxStream&, std::span<const std::byte> trace, Tree& tree, Walk& walk) {
  tree.feed(trace, walk);
}

// In frames any frame will do: what is in front of a unit's synchronization packet is left out.
uint64_t CsDecoder::next_start(const capture::AuxStream& stream, std::span<const std::byte> trace, uint64_t from) {
  if (!stream.raw) return std::min<uint64_t>((from + kFrameSize - 1) / kFrameSize * kFrameSize, trace.size());
  return find_sync({reinterpret_cast<const uint8_t*>(trace.data()), trace.size()}, from).value_or(trace.size());
}

uint64_t CsDecoder::start_time(const capture::AuxStream& stream, std::span<const std::byte> trace) {
  if (!facts_.clock) return 0;
  const auto tree = tree_of(stream);
  if (!tree || *tree == nullptr) return 0;
  FirstTime first;
  constexpr size_t kSoon = size_t{1} << 16;  // bytes; behind a synchronization packet a timestamp comes soon
  (*tree)->feed(trace.subspan(0, std::min(trace.size(), kSoon)), first);
  return first.time() == 0 ? 0 : facts_.clock->perf_time(first.time());
}

Result<> CsDecoder::packets(const capture::AuxStream& stream, std::span<const std::byte> trace,
                            const std::function<bool(const decode::PacketText&)>& fn) {
  const auto units = units_of(stream);
  return units.empty() ? Result<>{} : list_packets(units, !stream.raw, trace, fn);
}

std::vector<TraceUnit> CsDecoder::units_of(const capture::AuxStream& stream) const {
  std::vector<TraceUnit> out;
  for (TraceUnit unit : facts_.units_of(stream)) {
    if (stream.raw) {
      if (unit.trace_id == 0) unit.trace_id = kAnyId;
      return {unit};
    }
    const auto same = [&unit](const TraceUnit& other) { return other.trace_id == unit.trace_id; };
    const bool asked = stream.source == 0 || unit.trace_id == stream.source;
    if (unit.trace_id != 0 && asked && std::none_of(out.begin(), out.end(), same)) out.push_back(unit);
  }
  return out;
}

// A piece may have packets, a synchronization packet first, and nothing that is told.
bool CsDecoder::has_packet(const capture::AuxStream& stream, std::span<const std::byte> trace) {
  bool found = false;
  (void)packets(stream, trace, [&found](const decode::PacketText& packet) {
    // I_NOT_SYNC, NOTSYNC: what stands in front of the first one. INCOMPLETE_EOT: the rest of it at the end.
    const auto has = [&packet](const char* part) { return packet.name.find(part) != std::string::npos; };
    found = !has("NOT") && !has("INCOMPLETE") && !has("error");
    return !found;
  });
  return found;
}

// nullptr: no unit's trace can be in it.
Result<Tree*> CsDecoder::tree_of(const capture::AuxStream& stream) {
  const std::tuple key(stream.raw, stream.cpu, stream.source);
  if (const auto known = trees_.find(key); known != trees_.end()) return &known->second;
  const auto units = units_of(stream);
  if (units.empty()) return nullptr;
  auto tree = Tree::create(units, !stream.raw);
  if (!tree) return tl::unexpected<Error>(tree.error());
  return &trees_.emplace(key, std::move(*tree)).first->second;
}

std::unique_ptr<decode::Decoder> make_decoder(Facts facts) { return std::make_unique<CsDecoder>(std::move(facts)); }

}  // namespace tracectl::coresight
