// SPDX-License-Identifier: MIT
// Decoder: one backend's way from the bytes of a stream to Items. Implementations live in
// backends/*/decoder.cpp; cli/ picks one by AuxInfo::type.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/capture/reader.hpp"
#include "core/result.hpp"
#include "decode/image.hpp"
#include "decode/item.hpp"
#include "decode/schedule.hpp"
#include "decode/thread_turns.hpp"

namespace tracectl::decode {

// One packet as text, for `script packets`.
struct PacketText {
  uint64_t offset = 0;
  std::string name;     // "tip.pge", "tnt.8", "psb"
  std::string payload;  // "3: 00000040008004a0", "!!.!"
};

// A trace unit whose trace is in a stream.
struct Source {
  uint8_t id = 0;    // AuxStream::source
  int32_t cpu = -1;  // whose it is; -1: not told
};

// Trace without a gap.
struct Piece {
  Piece(std::span<const std::byte> bytes, uint64_t told = 0) : trace(bytes), time(told) {}  // NOLINT: it is the bytes
  std::span<const std::byte> trace;                                                         // contiguous
  uint64_t time = 0;  // ns of the perf clock, as records tell it (Run::time); 0: they do not
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  // One buffer may hold the trace of several units (CoreSight's frames). What has several sources is decoded once
  // for each, with AuxStream::source and cpu set to it.
  virtual std::vector<Source> sources(const capture::AuxStream& stream, std::span<const std::byte> trace) {
    (void)trace;
    return {{0, stream.cpu}};
  }
  // `threads` are those that the trace itself may name (CoreSight's context id); it outlives the decoder. True when it
  // may: then a stamp's turn may be another than one of decode()'s.
  virtual bool use_threads(ThreadTurns& threads) {
    (void)threads;
    return false;
  }
  // Decodes a whole stream, or a piece of it. `turns` tells whose code it runs at a time; not empty.
  virtual Result<> decode(const capture::AuxStream& stream, const Piece& piece, std::span<const Turn> turns,
                          ItemSink& sink) = 0;
  // What a decoder needs in front of `trace`, which begins at a packet but not at a sync point, to start with
  // its first packet; empty where nothing is needed. Without it everything up to the next sync point is skipped.
  virtual std::span<const std::byte> opening(std::span<const std::byte> trace) = 0;
  // The first place at or behind `from` where a decoder may begin without what is in front of it, or does no worse than
  // to look for such a place itself; the size of `trace` where there is none. `trace` begins a run (StreamBytes), or where
  // this had told.
  virtual uint64_t next_start(const capture::AuxStream& stream, std::span<const std::byte> trace, uint64_t from) = 0;
  // The first time that the trace tells, ns of the perf clock; 0 when it tells none.
  virtual uint64_t start_time(const capture::AuxStream& stream, std::span<const std::byte> trace) = 0;
  // Lists packets; stops when fn returns false.
  virtual Result<> packets(const capture::AuxStream& stream, std::span<const std::byte> trace,
                           const std::function<bool(const PacketText&)>& fn) = 0;
};

}  // namespace tracectl::decode
