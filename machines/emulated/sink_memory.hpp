// SPDX-License-Identifier: MIT
// A sink with memory of its own: the formatter in front of it, and the driver that copies from it into the AUX area.
// The ring that the plugin fills is that memory; what leaves it for the capture goes through here, and gets frames.
//
// Order: place() an AUX record before, or in the round of, its trace. Units: bytes.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "core/perf/data_ring.hpp"

namespace tracectl::emulated {

class SinkMemory {
 public:
  explicit SinkMemory(uint8_t trace_id) : trace_id_(trace_id) {}
  // Where the stream of frames ends; and goes on, for a program that takes another's place.
  [[nodiscard]] uint64_t end() const { return end_; }
  void begin_at(uint64_t position) { end_ = position; }

  // The records as one piece; those of AUX say where in the stream of frames their trace will be.
  [[nodiscard]] std::vector<std::byte> place(const perf::DataRing::Chunk& records);

  struct Frames {
    uint64_t taken = 0;  // of the trace that was given
    uint64_t begin = 0;  // place in the stream of frames
    std::vector<std::byte> bytes;
  };
  // The trace from stream position `begin` on, as far as placed records tell of it.
  [[nodiscard]] Frames take(uint64_t begin, std::span<const std::byte> trace);

 private:
  struct Placed {
    uint64_t begin, size;  // of the unit's bytes
    uint64_t framed;       // where their frames begin
  };
  uint8_t trace_id_;
  uint64_t end_ = 0;  // of the stream of frames
  std::deque<Placed> placed_;
};

}  // namespace tracectl::emulated
