// SPDX-License-Identifier: MIT
// Faults in a trace.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <random>
#include <vector>

namespace flow {

// One fault: bytes changed, cut out, put in, or a copy of others.
inline void damage(std::vector<std::byte>& trace, std::mt19937_64& random) {
  const auto pick = [&random](size_t below) { return static_cast<size_t>(random() % below); };
  if (trace.empty()) return;
  const size_t at = pick(trace.size()), n = std::min(trace.size() - at, 1 + pick(pick(4) == 0 ? 4096 : 8));
  const auto from = trace.begin() + static_cast<long>(at), to = from + static_cast<long>(n);
  switch (pick(5)) {
    case 0:
      for (auto b = from; b != to; ++b) *b = static_cast<std::byte>(random());
      break;
    case 1:
      trace.erase(from, to);
      break;
    case 2: {
      const std::vector<std::byte> copy(from, to);
      trace.insert(trace.begin() + static_cast<long>(pick(trace.size())), copy.begin(), copy.end());
      break;
    }
    case 3:
      *from ^= static_cast<std::byte>(1u << pick(8));
      break;
    default: {
      // A packet of any kind of Intel PT, or of CoreSight; what follows it may become its payload.
      static constexpr unsigned char kPackets[][2] = {
          {0x02, 0xf3}, {0x02, 0x23}, {0x99, 0x20}, {0x02, 0x83}, {0x59, 0x11}, {0x99, 0x22}, {0x99, 0x01}, {0x02, 0x43},
          {0x02, 0xc8}, {0x02, 0x12}, {0x02, 0xb2}, {0x02, 0x62}, {0x02, 0xe2}, {0x02, 0xc2}, {0x02, 0x22}, {0x02, 0xa2},
          {0x02, 0x03}, {0x02, 0x73}, {0x4b, 0x83}, {0x1d, 0x01}, {0x00, 0x05}, {0x00, 0x03}, {0x04, 0x90}, {0x2d, 0x01},
          {0xf7, 0xd9}, {0x81, 0x30}, {0x0e, 0x07}, {0xa0, 0x02}, {0x70, 0x07}, {0x06, 0x05}};
      const auto& p = kPackets[pick(std::size(kPackets))];
      const std::byte bytes[] = {std::byte{p[0]}, std::byte{p[1]}};
      trace.insert(from, bytes, bytes + 2);
    }
  }
}

}  // namespace flow
