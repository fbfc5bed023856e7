// SPDX-License-Identifier: MIT
// What packet stands at a place of a trace, and how long it is.
//
// Source: Intel SDM vol. 3, "Intel Processor Trace", packet definitions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace tracectl::intel_pt {

enum class PacketKind : uint8_t {
  end,  // of the trace
  tnt8,
  tnt64,
  tip,
  pge,
  pgd,
  fup,
  mode,
  psb,
  psbend,
  ovf,
  tsc,
  cbr,
  tma,
  mtc,
  cyc,
  pip,
  vmcs,
  stop,
  mnt,
  exstop,
  mwait,
  pwre,
  pwrx,
  ptw,
  pad,
  unknown
};

// By the first byte; the second one for those that begin with kExtended.
inline constexpr uint8_t kExtended = 0x02;
extern const std::array<PacketKind, 256> kPacketByFirst, kPacketBySecond;

// By its opcode alone: what follows may be wrong, or missing.
[[nodiscard]] inline PacketKind packet_kind(const uint8_t* at, const uint8_t* end) {
  constexpr uint8_t kThirdFollows = 0xc3, kMnt = 0x88;
  if (at == end) return PacketKind::end;
  if (*at != kExtended) return kPacketByFirst[*at];
  if (end - at < 2) return PacketKind::end;
  if (at[1] != kThirdFollows) return kPacketBySecond[at[1]];
  if (end - at < 3) return PacketKind::end;
  return at[2] == kMnt ? PacketKind::mnt : PacketKind::unknown;
}

// The bytes of a packet of that kind; 0 where its first bytes decide.
[[nodiscard]] size_t fixed_size(PacketKind kind);

struct Packet {
  PacketKind kind = PacketKind::end;  // end: also where it is cut off; unknown: also where it is malformed
  size_t size = 0;
};
[[nodiscard]] Packet packet_at(const uint8_t* at, const uint8_t* end);

// The first packet behind a PSB+'s FUP that is of no PSB+ and tells no time. TIP.PGE: erratum BDM70 may be at work.
[[nodiscard]] PacketKind behind_fup(const uint8_t* at, const uint8_t* end);
// Does a decoder that begins at `psb` stand where one does that has come by and has read up to `read`? Not where a branch
// led to what the PSB+ says, nor where the PSB+ does not tell the mode, nor where its FUP counts only for who knew that the
// trace is on (`false_fup`: BDM70).
[[nodiscard]] bool may_begin_at(std::span<const std::byte> trace, uint64_t psb, uint64_t read, bool false_fup);

// What a decoder that begins at some PSB would not know: events that wait for a FUP or a TIP, what MTC and CYC have added
// up to, whose events are read when nothing stands between two PSB+. PSBs are asked for in order, from the first one on.
class Unknown {
 public:
  Unknown(std::span<const std::byte> trace, uint64_t psb) : trace_(trace), at_(psb) {}
  [[nodiscard]] bool at(uint64_t place);

 private:
  void take(PacketKind kind, uint8_t second);
  std::span<const std::byte> trace_;
  uint64_t at_;
  bool for_tip_ = false, for_fup_ = false, in_psb_ = false, counts_ = false, apart_ = false;
};

// How the address behind the opcode of a TIP or FUP is compressed (the opcode's upper bits), and its bytes; 1: no such
// compression.
inline constexpr unsigned kIpShift = 5, kIpSigned = 3;
inline constexpr size_t kIpBytes[8] = {0, 2, 4, 6, 6, 1, 8, 1};

// The bits of a TNT packet that is all there, the oldest highest.
struct TntBits {
  uint64_t bits = 0;
  unsigned left = 0;  // how many; 0: malformed
};
[[nodiscard]] inline TntBits tnt_bits(PacketKind kind, const uint8_t* at) {
  uint64_t bits = *at >> 1;
  if (kind == PacketKind::tnt64) {
    bits = 0;
    std::memcpy(&bits, at + 2, 6);
  }
  return {bits, bits <= 1 ? 0 : 63 - static_cast<unsigned>(__builtin_clzll(bits))};
}

struct CycPacket {
  PacketKind kind = PacketKind::cyc;  // or as Packet has it
  size_t size = 0;
  uint64_t cycles = 0;
};
[[nodiscard]] CycPacket read_cyc(const uint8_t* at, const uint8_t* end);
// Of a PTWRITE packet's opcode: its payload; 0: malformed.
[[nodiscard]] inline size_t ptw_payload(uint8_t second) {
  constexpr unsigned kShift = 5, kMask = 3;
  const unsigned how = second >> kShift & kMask;
  return how == 0 ? 4 : how == 1 ? 8 : 0;
}
inline constexpr uint8_t kWithIp = 0x80;  // in the second byte of PTWRITE and EXSTOP: a FUP follows

}  // namespace tracectl::intel_pt
