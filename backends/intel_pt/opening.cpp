// SPDX-License-Identifier: MIT
#include "backends/intel_pt/opening.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace tracectl::intel_pt {

std::span<const std::byte> opening_of(std::span<const std::byte> trace) {
  constexpr size_t kPsb = 16;
  static constexpr std::array<uint8_t, kPsb + 2> kEmptyPsb = {0x02, 0x82, 0x02, 0x82, 0x02, 0x82, 0x02, 0x82, 0x02,
                                                              0x82, 0x02, 0x82, 0x02, 0x82, 0x02, 0x82, 0x02, 0x23};
  const auto psb = std::as_bytes(std::span(kEmptyPsb));
  const auto first = std::find_if(trace.begin(), trace.end(), [](std::byte b) { return b != std::byte{0}; });
  const auto rest = trace.subspan(static_cast<size_t>(first - trace.begin()));
  const bool there = rest.size() >= kPsb && std::equal(psb.begin(), psb.begin() + kPsb, rest.begin());
  return rest.empty() || there ? std::span<const std::byte>{} : psb;
}

}  // namespace tracectl::intel_pt
