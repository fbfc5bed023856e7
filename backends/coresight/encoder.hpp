// SPDX-License-Identifier: MIT
// Writes the packets of an ETE or an ETMv4 (the two differ in their registers, not in what is written here) into a
// TraceRing, for A64 code at EL0. Header-only and free of allocation and exceptions: it runs inside the emulated
// machine's plugin, once or more per executed block.
//
// Order: an address, context, exception, timestamp or Trace On belongs behind all older atoms: flush_atoms() first.
//        Behind an A-sync and Trace Info the decoder knows nothing: what follows is Trace On or a context.
// Source: Arm ARM, part D, "ETE: Trace Unit Generic Packet Protocol"; ARM IHI 0064, chapter 6.
#pragma once

#include <cstdint>
#include <cstring>

#include "backends/coresight/atoms.hpp"

namespace tracectl::coresight {

// Exception types of an Exception packet, AArch64.
enum class Exception : uint8_t {
  call = 2,         // SVC
  trap = 3,         // an undefined instruction, a floating-point exception
  inst_debug = 6,   // a breakpoint, BRK, a single step
  inst_fault = 11,  // of the fetch
  data_fault = 12,
  irq = 14
};

namespace detail {

inline void put32(uint8_t* p, uint32_t v) { std::memcpy(p, &v, 4); }

// A[8:2], A[15:9], then whole bytes: the address of an A64 instruction (IS0).
inline unsigned put_address_bytes(uint8_t* p, uint64_t a, unsigned bytes) {
  p[0] = static_cast<uint8_t>((a >> 2) & 0x7f);
  p[1] = static_cast<uint8_t>((a >> 9) & 0x7f);
  for (unsigned i = 2; i < bytes; ++i) p[i] = static_cast<uint8_t>(a >> (8 * i));
  return bytes;
}

inline void push_address(EtmWriter& w, uint64_t a, uint64_t bytes) {
  w.last[2] = w.last[1];
  w.last[1] = w.last[0];
  w.last[0] = a;
  w.pos += bytes;
}

}  // namespace detail

// Where an indirect branch went, where an exception returns to: the shortest form that the last three allow.
inline void put_address(EtmWriter& w, uint64_t a) {
  uint8_t* p = w.at();
  const uint64_t change = a ^ w.last[0];
  for (uint8_t i = 0; i < 3; ++i) {
    if (a != w.last[i]) continue;
    *p = static_cast<uint8_t>(0x90 | i);
    return detail::push_address(w, a, 1);
  }
  if (change >> 17 == 0) {  // A[8:2], and A[16:9] where it differs
    const bool longer = change >> 9 != 0;
    p[0] = 0x95;
    p[1] = static_cast<uint8_t>((longer ? 0x80 : 0) | ((a >> 2) & 0x7f));
    p[2] = static_cast<uint8_t>(a >> 9);
    return detail::push_address(w, a, longer ? 3 : 2);
  }
  const bool narrow = change >> 32 == 0;
  p[0] = narrow ? 0x9a : 0x9d;
  detail::push_address(w, a, 1 + detail::put_address_bytes(p + 1, a, narrow ? 4 : 8));
}

// The same with the context: EL0, non-secure, A64, and the context id where the plan wants it.
inline void put_address_with_context(EtmWriter& w, uint64_t a) {
  uint8_t* p = w.at();
  const bool narrow = (a ^ w.last[0]) >> 32 == 0;
  p[0] = narrow ? 0x82 : 0x85;
  unsigned n = 1 + detail::put_address_bytes(p + 1, a, narrow ? 4 : 8);
  constexpr uint8_t kNonSecure64 = 0x30, kHasContextId = 0x80;
  p[n++] = static_cast<uint8_t>(kNonSecure64 | (w.with_context_id != 0 ? kHasContextId : 0));
  if (w.with_context_id != 0) {
    detail::put32(p + n, w.context_id);
    n += 4;
  }
  detail::push_address(w, a, n);
}

// Timestamp: as many of its low bits as differ from the last one.
inline void put_timestamp(EtmWriter& w, uint64_t time) {
  uint8_t* p = w.at();
  uint64_t change = (time ^ w.time) >> 7, value = time;
  unsigned n = 1;
  p[0] = 0x02;
  for (; change != 0 && n < 9; ++n, change >>= 7, value >>= 7) p[n] = static_cast<uint8_t>(0x80 | (value & 0x7f));
  p[n] = static_cast<uint8_t>(n == 9 ? value : value & 0x7f);
  w.time = time;
  w.pos += n + 1;
}

// Trace starts, or goes on behind a gap.
inline void put_trace_on(EtmWriter& w) {
  *w.at() = 0x04;
  w.pos += 1;
}

// The unit's own buffer was full: packets in front of this one are missing.
inline void put_overflow(EtmWriter& w) {
  w.at()[0] = 0x00;  // an extension
  w.at()[1] = 0x05;
  w.pos += 2;
}

// The unit is switched off in the middle of a run of code: how far that got is not told.
inline void put_discard(EtmWriter& w) {
  w.at()[0] = 0x00;  // an extension
  w.at()[1] = 0x03;
  w.pos += 2;
}

// An exception in front of `ret`, the address that it returns to; what it goes to is a packet of its own.
inline void put_exception(EtmWriter& w, Exception type, uint64_t ret) {
  constexpr uint8_t kAddressFollows = 1;
  uint8_t* p = w.at();
  p[0] = 0x06;
  p[1] = static_cast<uint8_t>(static_cast<uint8_t>(type) << 1 | kAddressFollows);
  w.pos += 2;
  put_address(w, ret);
}

// A-sync and Trace Info: where decoding may start. Every compression starts over.
inline void put_sync(EtmWriter& w) {
  flush_atoms(w);
  static constexpr uint8_t kSync[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x01, 0x01, 0x00};
  std::memcpy(w.at(), kSync, sizeof kSync);
  w.pos += sizeof kSync;
  w.last[0] = w.last[1] = w.last[2] = w.time = 0;
}

}  // namespace tracectl::coresight
