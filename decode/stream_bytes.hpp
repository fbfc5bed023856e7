// SPDX-License-Identifier: MIT
// StreamBytes: the trace of one stream, its kept bytes joined. A single fragment lies in the
// capture's own map. Several are mapped one behind the other, without reading them, where they lie in
// the file's pages as they shall lie in memory's (the large ones of our captures do). Else they are
// joined, small ones in memory, large ones in an unlinked temporary file whose pages the kernel can
// give back. Memory stays flat either way.
//
// A ring (mode = ring) is kept in pieces, with gaps where it was written over: each run of bytes
// without a gap is decoded from its own first PSB.
//
// Errors: no room for the temporary file.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/capture/reader.hpp"
#include "core/result.hpp"

namespace tracectl::decode {

// Where the buffer was full (AuxStream::cuts) a new run begins as well, although no byte is
// missing: the trace stopped, and went on elsewhere. And so it does where a piece of CoreSight's trace begins or ends
// (AuxStream::pieces).
//
// Bytes without a gap.
struct Run {
  uint64_t begin = 0, size = 0;  // in StreamBytes::bytes()
  uint64_t missing = 0;          // bytes of trace in front of it that were not kept
  uint64_t time = 0;             // of its AuxPiece; 0: none tells
};
[[nodiscard]] std::vector<Run> runs_of(const capture::AuxStream& stream);

class StreamBytes {
 public:
  static constexpr uint64_t kLargestInMemory = 64u << 20;  // bytes

  static Result<StreamBytes> of(const capture::Reader& reader, const capture::AuxStream& stream);
  // The parts joined; `in_memory` is the largest size that is kept in memory.
  static Result<StreamBytes> join(std::span<const std::span<const std::byte>> parts, uint64_t in_memory = kLargestInMemory);

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  static std::optional<StreamBytes> mapped(const capture::Reader& reader, const capture::AuxStream& stream);
  std::span<const std::byte> bytes_;
  std::shared_ptr<void> owner_;  // what keeps bytes_ alive; null when the capture does
};

}  // namespace tracectl::decode
