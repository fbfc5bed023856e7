// SPDX-License-Identifier: MIT
// Writes the packets of an ETE or an ETMv4 (the two differ in their registers, not in what is written here) into a
// TraceRing, for A64 code at EL0. Header-only and free of allocation and exceptions: it runs inside the emulated
// machine's plugin, once or more per executed block.
//
// Shape: EtmWriter is plain data in memory shared with the launcher, so that whatever the program's death left
//        unflushed (atoms) can be completed from outside.
// Order: an address, context, exception, timestamp or Trace On belongs behind all older atoms: flush_atoms() first.
//        Behind an A-sync and Trace Info the decoder knows nothing: what follows is Trace On or a context.
// Source: Arm ARM, part D, "ETE: Trace Unit Generic Packet Protocol"; ARM IHI 0064, chapter 6.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>

#include "core/trace_ring.hpp"

namespace tracectl::coresight {

inline constexpr unsigned kMaxAtoms = 60;

struct EtmWriter : TraceRing {
  uint64_t atoms = 1;            // pending ones behind a leading 1, the newest in bit 0 (1 is E), at most kMaxAtoms
  uint64_t last[3] = {0, 0, 0};  // addresses of the latest address packets, newest first
  uint64_t time = 0;             // of the last Timestamp packet
  uint32_t context_id = 0;       // what CONTEXTIDR_EL1 holds: Linux has the thread's id there
  uint32_t with_context_id = 0;  // TRCCONFIGR.CID
};

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

// The bits are in the ring, in `bytes` behind the position. A program that is killed between the two stores has lost
// its last atoms; in the other order they would stand there twice. The fence binds the compiler alone: x86 keeps the
// order of stores.
inline void commit_atoms(EtmWriter& w, uint64_t bytes) {
  w.atoms = 1;
  std::atomic_signal_fence(std::memory_order_release);
  w.pos += bytes;
}

// The `count` oldest of `left` atoms, oldest in the highest bit.
inline unsigned oldest(uint64_t atoms, unsigned left, unsigned count) {
  return static_cast<unsigned>(atoms >> (left - count)) & ((1u << count) - 1);
}

// How many of the `left` atoms, from the oldest on, are E.
inline unsigned run_of_e(uint64_t atoms, unsigned left) {
  const uint64_t up = ~atoms << (64 - left);  // the oldest on top; E is 0 now
  return up == 0 ? left : static_cast<unsigned>(__builtin_clzll(up));
}

// Formats 4 and 5 have four patterns each: the header byte, or 0 where `bits` is none of them.
inline uint8_t format5(unsigned bits) {
  return bits == 0b01111 ? 0xf5 : bits == 0b00000 ? 0xd5 : bits == 0b01010 ? 0xd6 : bits == 0b10101 ? 0xd7 : 0;
}
inline uint8_t format4(unsigned bits) {
  return bits == 0b0111 ? 0xdc : bits == 0b0000 ? 0xdd : bits == 0b0101 ? 0xde : bits == 0b1010 ? 0xdf : 0;
}

// Formats 1 to 3: one to three atoms, the oldest in the lowest bit.
inline uint8_t format123(unsigned bits, unsigned count) {
  if (count == 1) return static_cast<uint8_t>(0xf6 | bits);
  if (count == 2) return static_cast<uint8_t>(0xd8 | (bits & 1) << 1 | bits >> 1);
  return static_cast<uint8_t>(0xf8 | (bits & 1) << 2 | (bits & 2) | bits >> 2);
}

// The packet for the oldest of `left` atoms; takes them off `left`.
inline uint8_t atom_packet(uint64_t atoms, unsigned& left) {
  constexpr unsigned kLongestRun = 24;
  const unsigned run = run_of_e(atoms, left);
  // Format 6: a run of E, behind it an N or not.
  if (run >= 3 && run < left && run < kLongestRun) {
    left -= run + 1;
    return static_cast<uint8_t>(0xe0 | (run - 3));
  }
  if (run >= 4) {
    const unsigned count = run < kLongestRun ? run : kLongestRun;
    left -= count;
    return static_cast<uint8_t>(0xc0 | (count - 4));
  }
  uint8_t header = left >= 5 ? format5(oldest(atoms, left, 5)) : 0;
  if (header != 0) {
    left -= 5;
    return header;
  }
  header = left >= 4 ? format4(oldest(atoms, left, 4)) : 0;
  if (header != 0) {
    left -= 4;
    return header;
  }
  const unsigned count = left < 3 ? left : 3;
  header = format123(oldest(atoms, left, count), count);
  left -= count;
  return header;
}

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

// Writes out pending atoms, oldest first: 20 bytes at most.
inline void flush_atoms(EtmWriter& w) {
  if (w.atoms == 1) return;
  unsigned left = 63 - static_cast<unsigned>(__builtin_clzll(w.atoms));
  uint8_t* const begin = w.at();
  uint8_t* p = begin;
  while (left != 0) *p++ = detail::atom_packet(w.atoms, left);
  detail::commit_atoms(w, static_cast<uint64_t>(p - begin));
}

// One P0 element: a branch (taken or not) or ISB. True when a packet was written.
inline bool add_atom(EtmWriter& w, bool taken) {
  w.atoms = w.atoms << 1 | static_cast<uint64_t>(taken);
  if (__builtin_expect(w.atoms >> kMaxAtoms == 0, 1)) return false;
  flush_atoms(w);
  return true;
}

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
  *w.at() = 0x05;
  w.pos += 1;
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
