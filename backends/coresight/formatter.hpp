// SPDX-License-Identifier: MIT
// The formatter in front of a sink that several trace units may share: their bytes in frames of 16 with trace ids. Here
// one unit's bytes; what follows them up to the end of the last frame is of id 0, which is nobody's. Pure.
//
// Shape: byte 15 of a frame holds a bit for each of bytes 0, 2, ... 14. Such a byte with bit 0 set is an id (bits 7:1),
//        of what follows it or, with its bit in byte 15, of what follows the next byte; with bit 0 clear it is trace, whose
//        own bit 0 is in byte 15. The other bytes are trace.
// Source: ARM IHI 0029, "Trace Formatter"; the order of ids is frames.hpp's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tracectl::coresight {

// How many bytes of frames hold `bytes` of trace.
[[nodiscard]] uint64_t size_in_frames(uint64_t bytes);
// The frames, behind what is in `out`. The id is in the first frame and in every tenth behind it, so that a
// reader of a stream whose begin was written over soon knows whose it is. Behind them stands a frame of nobody's bytes:
// perf 6.1 may leave what the last frame of a piece tells untold.
void append_frames(std::vector<std::byte>& out, uint8_t id, std::span<const std::byte> trace);

}  // namespace tracectl::coresight
