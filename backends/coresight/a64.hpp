// SPDX-License-Identifier: MIT
// One A64 instruction, as far as a trace unit cares: what it does to control flow, and where a direct branch goes.
//
// Source: Arm ARM, C4.1.66 "Branches, Exception Generating and System instructions"; what is a P0 instruction:
// ARM IHI 0064, table "P0 instructions", and the Arm ARM's ETE chapter.
#pragma once

#include <cstdint>

namespace tracectl::coresight {

inline constexpr unsigned kA64Size = 4;

enum class A64Kind : uint8_t { other, cond, jump, call, indirect_jump, indirect_call, ret, isb, svc, exception, eret };

struct A64 {
  A64Kind kind = A64Kind::other;
  uint64_t target = 0;  // cond, jump, call: where it goes when taken
};

namespace detail {
// `bits` of `word` from `shift` on, signed, times four: an offset in instructions.
inline int64_t a64_offset(uint32_t word, unsigned shift, unsigned bits) {
  return static_cast<int64_t>(static_cast<uint64_t>(word) << (64 - shift - bits)) >> (64 - bits) << 2;
}

inline A64Kind a64_register_branch(uint32_t word) {
  switch (word >> 21 & 15) {  // opc; 8 and 9 are BRAA and BLRAA, which take a modifier
    case 0:
    case 8:
      return A64Kind::indirect_jump;
    case 1:
    case 9:
      return A64Kind::indirect_call;
    case 2:
      return A64Kind::ret;
    case 4:
      return A64Kind::eret;
    default:
      return A64Kind::other;
  }
}
}  // namespace detail

// `word` lies at `ip`.
[[nodiscard]] inline A64 decode_a64(uint32_t word, uint64_t ip) {
  const auto to = [ip, word](unsigned shift, unsigned bits) {
    return ip + static_cast<uint64_t>(detail::a64_offset(word, shift, bits));
  };
  if ((word & 0x7c000000) == 0x14000000) return {word >> 31 != 0 ? A64Kind::call : A64Kind::jump, to(0, 26)};  // B, BL
  if ((word & 0xff000000) == 0x54000000) return {A64Kind::cond, to(5, 19)};              // B.cond, BC.cond
  if ((word & 0x7e000000) == 0x34000000) return {A64Kind::cond, to(5, 19)};              // CBZ, CBNZ
  if ((word & 0x7e000000) == 0x36000000) return {A64Kind::cond, to(5, 14)};              // TBZ, TBNZ
  if ((word & 0xfe1f0000) == 0xd61f0000) return {detail::a64_register_branch(word), 0};  // BR, BLR, RET, ERET, with PAuth
  if ((word & 0xfffff0ff) == 0xd50330df) return {A64Kind::isb, ip + kA64Size};
  if ((word & 0xffe0001f) == 0xd4000001) return {A64Kind::svc, 0};
  if ((word & 0xff000000) == 0xd4000000) return {A64Kind::exception, 0};  // HVC, SMC, BRK, HLT, DCPS
  return {};
}

}  // namespace tracectl::coresight
