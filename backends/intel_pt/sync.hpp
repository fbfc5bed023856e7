// SPDX-License-Identifier: MIT
// Where decoding may begin: a PSB packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace tracectl::intel_pt {

inline constexpr const char* kNoSync = "no PSB packet: nothing to start from";
inline constexpr uint64_t kPsbSize = 16;  // bytes: 02 82, eight times

// The next PSB at or behind `from`, as bytes look.
[[nodiscard]] inline std::optional<uint64_t> find_psb(std::span<const std::byte> trace, uint64_t from) {
  static constexpr unsigned char kPsb[kPsbSize] = {2, 0x82, 2, 0x82, 2, 0x82, 2, 0x82, 2, 0x82, 2, 0x82, 2, 0x82, 2, 0x82};
  if (from >= trace.size()) return std::nullopt;
  const void* hit = ::memmem(trace.data() + from, trace.size() - from, kPsb, sizeof kPsb);
  if (hit == nullptr) return std::nullopt;
  return static_cast<uint64_t>(static_cast<const std::byte*>(hit) - trace.data());
}

}  // namespace tracectl::intel_pt
