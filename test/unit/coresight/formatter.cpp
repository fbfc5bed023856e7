// SPDX-License-Identifier: MIT
// Frames of 16 bytes: what is written, taken apart again by the rules of ARM IHI 0029, "Trace Formatter".
#include "backends/coresight/formatter.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "backends/coresight/frames.hpp"

using namespace tracectl::coresight;

namespace {

using Bytes = std::vector<std::byte>;

Bytes random_bytes(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  Bytes out(size);
  for (auto& b : out) b = static_cast<std::byte>(random());
  return out;
}

// Each id's bytes. `id`: whose the first ones are.
std::map<uint8_t, Bytes> taken_apart(const Bytes& frames, uint8_t id = 0x7f) {
  std::map<uint8_t, Bytes> out;
  for (size_t at = 0; at < frames.size(); at += 16) {
    int later = -1;  // the id behind the next byte
    for (size_t i = 0; i < 15; ++i) {
      const auto b = static_cast<uint8_t>(frames[at + i]);
      const bool bit = (static_cast<uint8_t>(frames[at + 15]) >> (i / 2) & 1) != 0;
      if (i % 2 == 0 && (b & 1) != 0) {
        if (bit) later = b >> 1;
        if (!bit) id = static_cast<uint8_t>(b >> 1);
        continue;
      }
      out[id].push_back(static_cast<std::byte>(i % 2 == 0 && bit ? b | 1 : b));
      if (later >= 0) id = static_cast<uint8_t>(later), later = -1;
    }
  }
  return out;
}

}  // namespace

TEST_CASE("frames hold every byte of the trace, whatever its length") {
  for (size_t size = 0; size < 700; ++size) {
    const Bytes trace = random_bytes(size, static_cast<unsigned>(size));
    Bytes frames;
    append_frames(frames, 0x10, trace);
    REQUIRE(frames.size() == size_in_frames(size));
    REQUIRE(frames.size() % kFrameSize == 0);
    auto found = taken_apart(frames);
    REQUIRE(found[0x10] == trace);
    found.erase(0x10);
    found.erase(0);
    REQUIRE(found.empty());
  }
}

TEST_CASE("a reader that comes late knows whose the bytes are after ten frames") {
  const Bytes trace = random_bytes(4000, 1);
  Bytes frames;
  append_frames(frames, 0x10, trace);
  for (size_t frame = 0; frame + 10 < frames.size() / kFrameSize; ++frame) {
    const Bytes late(frames.begin() + static_cast<std::ptrdiff_t>(frame * kFrameSize), frames.end());
    const auto found = taken_apart(late);
    const Bytes& ours = found.at(0x10);
    REQUIRE(ours.size() + 10 * 15 >= late.size() / kFrameSize * 14);
    REQUIRE(std::equal(ours.rbegin(), ours.rend(), trace.rbegin()));
  }
}
