// SPDX-License-Identifier: MIT
// Decoder: one backend's way from the bytes of a stream to Items. Implementations live in
// backends/*/decoder.cpp; cli/ picks one by AuxInfo::type.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "core/capture/reader.hpp"
#include "core/result.hpp"
#include "decode/image.hpp"
#include "decode/item.hpp"
#include "decode/schedule.hpp"

namespace tracectl::decode {

// One packet as text, for `script packets`.
struct PacketText {
  uint64_t offset = 0;
  std::string name;     // "tip.pge", "tnt.8", "psb"
  std::string payload;  // "3: 00000040008004a0", "!!.!"
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  // Decodes a whole stream. `trace` is contiguous. `turns` tells whose code it runs at a time; not empty.
  virtual Result<> decode(const capture::AuxStream& stream, std::span<const std::byte> trace, std::span<const Turn> turns,
                          ItemSink& sink) = 0;
  // What a decoder needs in front of `trace`, which begins at a packet but not at a sync point, to start with
  // its first packet; empty where nothing is needed. Without it everything up to the next sync point is skipped.
  virtual std::span<const std::byte> opening(std::span<const std::byte> trace) = 0;
  // The first time that the trace tells, ns of the perf clock; 0 when it tells none.
  virtual uint64_t start_time(std::span<const std::byte> trace) = 0;
  // Lists packets; stops when fn returns false.
  virtual Result<> packets(std::span<const std::byte> trace, const std::function<bool(const PacketText&)>& fn) = 0;
};

}  // namespace tracectl::decode
