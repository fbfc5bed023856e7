// SPDX-License-Identifier: MIT
// The AUX ring of a thread: one range, or regions in an order of their own.
#include "machines/emulated/buffers.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>

using namespace tracectl;
using namespace tracectl::emulated;

namespace {
constexpr uint64_t kData = 4096, kAux = 1 << 20, kArea = kPageSize + kData + kStateSize;

// The byte of the memfd at an offset of the AUX area.
uint8_t in_area(const ThreadBuffers& b, uint64_t offset) {
  uint8_t byte = 0;
  REQUIRE(pread(b.memory(), &byte, 1, static_cast<off_t>(kArea + offset)) == 1);
  return byte;
}
}  // namespace

TEST_CASE("a contiguous AUX buffer is one region") {
  const auto b = ThreadBuffers::create(0, 1, 1, kData, kAux);
  REQUIRE(b);
  CHECK(b->state().regions == 1);
  CHECK(b->state().topa[0] == 0);
}

TEST_CASE("a scattered AUX buffer's table names each region once, and none where the ring has it") {
  const auto b = ThreadBuffers::create(0, 1, 1, kData, kAux, true);
  REQUIRE(b);
  const ThreadState& s = b->state();
  REQUIRE(s.regions == 16);
  std::set<uint64_t> seen;
  for (uint32_t i = 0; i < s.regions; ++i) {
    CHECK(s.topa[i] % (kAux / s.regions) == 0);
    CHECK(s.topa[i] < kAux);
    seen.insert(s.topa[i]);
  }
  CHECK(seen.size() == s.regions);
  CHECK(s.topa[0] != 0);
}

TEST_CASE("what is written into a scattered ring lies where its table says") {
  const auto b = ThreadBuffers::create(0, 1, 1, kData, kAux, true);
  REQUIRE(b);
  const Channel channel = b->channel();
  // The launcher's mapping is that of the drain: write through it, look into the file.
  const uint64_t region = kAux / b->state().regions;
  auto* ring = const_cast<std::byte*>(reinterpret_cast<const std::byte*>(&b->state())) + kStateSize;
  for (uint32_t i = 0; i < b->state().regions; ++i) {
    ring[i * region] = std::byte(i + 1);
    ring[(i + 1) * region - 1] = std::byte(i + 100);
  }
  for (uint32_t i = 0; i < b->state().regions; ++i) {
    CHECK(in_area(*b, b->state().topa[i]) == i + 1);
    CHECK(in_area(*b, b->state().topa[i] + region - 1) == i + 100);
  }
  CHECK(channel.aux.size() == kAux);
}
