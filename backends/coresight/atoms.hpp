// SPDX-License-Identifier: MIT
// Atoms of an ETE or an ETMv4: one for each branch, taken (E) or not (N), packed into packets of formats 1 to 6.
//
// Shape: EtmWriter is plain data in memory shared with the launcher, so that whatever the program's death left
//        unflushed (atoms) can be completed from outside.
// Source: Arm ARM, part D, "ETE: Trace Unit Generic Packet Protocol"; ARM IHI 0064, section 6.4.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

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

namespace detail {

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
constexpr uint8_t format5(unsigned bits) {
  return bits == 0b01111 ? 0xf5 : bits == 0b00000 ? 0xd5 : bits == 0b01010 ? 0xd6 : bits == 0b10101 ? 0xd7 : 0;
}
constexpr uint8_t format4(unsigned bits) {
  return bits == 0b0111 ? 0xdc : bits == 0b0000 ? 0xdd : bits == 0b0101 ? 0xde : bits == 0b1010 ? 0xdf : 0;
}

// Formats 1 to 3: one to three atoms, the oldest in the lowest bit.
constexpr uint8_t format123(unsigned bits, unsigned count) {
  if (count == 1) return static_cast<uint8_t>(0xf6 | bits);
  if (count == 2) return static_cast<uint8_t>(0xd8 | (bits & 1) << 1 | bits >> 1);
  return static_cast<uint8_t>(0xf8 | (bits & 1) << 2 | (bits & 2) | bits >> 2);
}

// The packet for the oldest of five atoms or more, by those five; count 0 where a run of E may be longer than they are.
struct AtomPacket {
  uint8_t header = 0, count = 0;
};
inline constexpr std::array<AtomPacket, 32> kAtomPackets = [] {
  std::array<AtomPacket, 32> out{};
  for (unsigned bits = 0; bits < 0b11100; ++bits) {
    const uint8_t five = format5(bits), four = format4(bits >> 1);
    out[bits] = five != 0 ? AtomPacket{five, 5} : four != 0 ? AtomPacket{four, 4} : AtomPacket{format123(bits >> 2, 3), 3};
  }
  return out;
}();

// The packet for the oldest of `left` atoms; takes them off `left`.
inline uint8_t atom_packet(uint64_t atoms, unsigned& left) {
  constexpr unsigned kLongestRun = 24;
  if (left >= 5) {
    const AtomPacket packet = kAtomPackets[oldest(atoms, left, 5)];
    if (packet.count != 0) {
      left -= packet.count;
      return packet.header;
    }
  }
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
  uint8_t header = left == 4 ? format4(oldest(atoms, left, 4)) : 0;
  if (header != 0) {
    left -= 4;
    return header;
  }
  const unsigned count = left < 3 ? left : 3;
  header = format123(oldest(atoms, left, count), count);
  left -= count;
  return header;
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

}  // namespace tracectl::coresight
