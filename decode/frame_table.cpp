// SPDX-License-Identifier: MIT
#include "decode/frame_table.hpp"

#include <algorithm>
#include <cstring>

namespace tracectl::decode {
namespace {

constexpr size_t kHead = 12;  // version, three encodings, eh_frame pointer, count
constexpr size_t kEntry = 8;  // function, frame description
constexpr uint8_t kVersion = 1;
constexpr uint8_t kCountU32 = 0x03;         // DW_EH_PE_udata4
constexpr uint8_t kTableRelative32 = 0x3b;  // DW_EH_PE_datarel | DW_EH_PE_sdata4

template <class T>
T read(std::span<const uint8_t> bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

std::vector<uint64_t> function_starts(std::span<const uint8_t> table, uint64_t address) {
  std::vector<uint64_t> out;
  if (table.size() < kHead || table[0] != kVersion || table[2] != kCountU32 || table[3] != kTableRelative32) return out;
  const size_t count = std::min<size_t>(read<uint32_t>(table, 8), (table.size() - kHead) / kEntry);
  out.reserve(count);
  for (size_t i = 0; i < count; ++i) out.push_back(address + static_cast<int64_t>(read<int32_t>(table, kHead + i * kEntry)));
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace tracectl::decode
