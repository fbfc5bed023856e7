// SPDX-License-Identifier: MIT
// Writes Intel PT packets into a TraceRing. Header-only and free of allocation and exceptions: it runs
// inside the emulated machine's plugin, once or more per executed block.
//
// Shape: PtWriter is plain data in memory shared with the launcher, so that whatever the
// program's death left unflushed (TNT bits) can be completed from outside.
// Source: Intel SDM vol. 3, chapter "Intel Processor Trace", section "Packet Definitions".
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>

#include "core/trace_ring.hpp"

namespace tracectl::intel_pt {

struct PtWriter : TraceRing {
  uint64_t last_ip = 0;  // IP compression base
  uint64_t tnt = 1;      // pending TNT bits behind a leading 1, at most kLongTnt - 1
};

// Opcodes with IPBytes in bits 7:5.
inline constexpr uint8_t kOpTip = 0x0d, kOpTipPge = 0x11, kOpTipPgd = 0x01, kOpFup = 0x1d;

namespace detail {
inline uint8_t* at(const PtWriter& w) { return w.at(); }
inline void put16(uint8_t* p, uint16_t v) { std::memcpy(p, &v, 2); }
inline void put64(uint8_t* p, uint64_t v) { std::memcpy(p, &v, 8); }
// The bits are in the ring, in `bytes` behind the position. A program that is killed between the two
// stores has lost its last bits; in the other order they would stand there twice. The fence binds the
// compiler alone: x86 keeps the order of stores.
inline void commit_tnt(PtWriter& w, uint64_t bytes) {
  w.tnt = 1;
  std::atomic_signal_fence(std::memory_order_release);
  w.pos += bytes;
}
// Long TNT: 02 a3 and 48 bits with the stop bit on top.
inline void put_long_tnt(PtWriter& w) {
  put64(at(w), 0xa302 | w.tnt << 16);
  commit_tnt(w, 8);
}
}  // namespace detail

inline constexpr unsigned kLongTnt = 47;        // bits of a long TNT packet
inline constexpr unsigned kShortsUpTo = 7 * 6;  // up to here short packets take fewer bytes

// Writes out pending TNT bits, oldest first.
inline void flush_tnt(PtWriter& w) {
  if (w.tnt == 1) return;
  unsigned left = 63 - static_cast<unsigned>(__builtin_clzll(w.tnt));
  if (left > kShortsUpTo) return detail::put_long_tnt(w);
  uint8_t* const begin = detail::at(w);
  uint8_t* p = begin;
  for (; left > 6; left -= 6) *p++ = static_cast<uint8_t>(0x80 | (w.tnt >> (left - 6) & 63) << 1);
  const uint64_t mask = (1ull << left) - 1;
  *p++ = static_cast<uint8_t>(((mask + 1) | (w.tnt & mask)) << 1);
  detail::commit_tnt(w, static_cast<uint64_t>(p - begin));
}

// One conditional branch, or one compressed return (taken). True when a packet was written.
inline bool add_tnt(PtWriter& w, bool taken) {
  const uint64_t bits = (w.tnt << 1) | static_cast<uint64_t>(taken);
  w.tnt = bits;
  if (__builtin_expect(bits >> kLongTnt == 0, 1)) return false;
  detail::put_long_tnt(w);
  return true;
}

// TIP, TIP.PGE, TIP.PGD or FUP with the shortest IP that the last one allows.
// The caller flushes TNT first.
inline void put_ip(PtWriter& w, uint8_t op, uint64_t ip) {
  uint8_t* p = detail::at(w);
  const uint64_t change = ip ^ w.last_ip;
  w.last_ip = ip;
  detail::put64(p + 1, ip);
  if ((change >> 16) == 0) {
    *p = static_cast<uint8_t>(op | (1u << 5));
    w.pos += 3;
  } else if ((change >> 32) == 0) {
    *p = static_cast<uint8_t>(op | (2u << 5));
    w.pos += 5;
  } else if (static_cast<uint64_t>(static_cast<int64_t>(ip << 16) >> 16) == ip) {
    *p = static_cast<uint8_t>(op | (3u << 5));
    w.pos += 7;
  } else {
    *p = static_cast<uint8_t>(op | (6u << 5));
    w.pos += 9;
  }
}

// The same without compression: all 48 bits, sign-extended, or all 64.
inline void put_full_ip(PtWriter& w, uint8_t op, uint64_t ip) {
  w.last_ip = ~ip;  // differs everywhere
  put_ip(w, op, ip);
}

// TIP.PGD with the IP suppressed: trace stops, the target is not told.
inline void put_pgd(PtWriter& w) {
  *detail::at(w) = kOpTipPgd;
  w.pos += 1;
}

// TSC: bits 55:0 of the time stamp counter.
inline void put_tsc(PtWriter& w, uint64_t tsc) {
  uint8_t* p = detail::at(w);
  detail::put64(p + 1, tsc & 0x00ffffffffffffffull);
  *p = 0x19;
  w.pos += 8;
}

// CBR: core to bus ratio.
inline void put_cbr(PtWriter& w, uint8_t ratio) {
  uint8_t* p = detail::at(w);
  detail::put16(p, 0x0302);
  p[2] = ratio;
  p[3] = 0;
  w.pos += 4;
}

// PADs, until a multiple of 8 bytes has been written since `begin`.
inline void put_pads(PtWriter& w, uint64_t begin) {
  for (; (w.pos - begin) % 8 != 0; ++w.pos) *detail::at(w) = 0;
}

// MODE.Exec with CS.L = 1: 64-bit code.
inline void put_mode_exec64(PtWriter& w) {
  detail::put16(detail::at(w), 0x0199);
  w.pos += 2;
}

// OVF: packets were lost in front of this one. The IP base is forgotten as at a PSB.
inline void put_ovf(PtWriter& w) {
  detail::put16(detail::at(w), 0xf302);
  w.pos += 2;
}

// PSB+: where decoding may start. `ip` is the next instruction, or 0 while trace is off
// (then no FUP). At most 16 + 8 + 4 + 2 + 9 + 2 = 41 bytes.
inline void put_psb_plus(PtWriter& w, uint64_t tsc, bool with_tsc, uint8_t cbr, uint64_t ip) {
  flush_tnt(w);
  uint8_t* p = detail::at(w);
  for (int i = 0; i < 8; ++i) detail::put16(p + 2 * i, 0x8202);
  w.pos += 16;
  w.last_ip = 0;
  if (with_tsc) put_tsc(w, tsc);
  put_cbr(w, cbr);
  put_mode_exec64(w);
  // Uncompressed: perf looks ahead to this FUP before it forgets its last IP.
  if (ip != 0) put_full_ip(w, kOpFup, ip);
  detail::put16(detail::at(w), 0x2302);
  w.pos += 2;
}

}  // namespace tracectl::intel_pt
