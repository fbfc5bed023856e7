// SPDX-License-Identifier: MIT
#include "backends/intel_pt/packet_kind.hpp"

#include "backends/intel_pt/sync.hpp"

namespace tracectl::intel_pt {
namespace {

using Kind = PacketKind;

Packet sized(Kind kind, size_t size, const uint8_t* at, const uint8_t* end) {
  if (size == 0) return {Kind::unknown, 0};
  if (static_cast<size_t>(end - at) < size) return {Kind::end, 0};
  return {kind, size};
}

bool well_formed(Kind kind, const uint8_t* at) {
  constexpr unsigned kLeafShift = 5, kFastShift = 1;
  switch (kind) {
    case Kind::mode:
      return at[1] >> kLeafShift <= 1;
    case Kind::tma:
      return at[4] == 0 && at[6] >> kFastShift == 0;
    case Kind::psb:
      return find_psb({reinterpret_cast<const std::byte*>(at), kPsbSize}, 0) == 0;
    case Kind::tnt64:
      return tnt_bits(kind, at).left != 0;
    default:
      return true;
  }
}

}  // namespace

const std::array<Kind, 256> kPacketByFirst = [] {
  constexpr unsigned kTip = 0x0d, kPge = 0x11, kPgd = 0x01, kFup = 0x1d, kIpMask = 0x1f, kCyc = 3;
  std::array<Kind, 256> out{};
  out.fill(Kind::unknown);
  for (unsigned b = 4; b < 256; b += 2) out[b] = Kind::tnt8;
  for (unsigned b = 1; b < 256; b += 2) {
    const unsigned low = b & kIpMask;
    if ((b & kCyc) == kCyc) out[b] = Kind::cyc;
    if (low == kTip) out[b] = Kind::tip;
    if (low == kPge) out[b] = Kind::pge;
    if (low == kPgd) out[b] = Kind::pgd;
    if (low == kFup) out[b] = Kind::fup;
  }
  out[0] = Kind::pad;
  out[0x99] = Kind::mode;
  out[0x19] = Kind::tsc;
  out[0x59] = Kind::mtc;
  return out;
}();

const std::array<Kind, 256> kPacketBySecond = [] {
  std::array<Kind, 256> out{};
  out.fill(Kind::unknown);
  for (unsigned b = 0x12; b < 256; b += 0x20) out[b] = Kind::ptw;
  out[0x82] = Kind::psb;
  out[0x23] = Kind::psbend;
  out[0xf3] = Kind::ovf;
  out[0xa3] = Kind::tnt64;
  out[0x03] = Kind::cbr;
  out[0x43] = Kind::pip;
  out[0x73] = Kind::tma;
  out[0x83] = Kind::stop;
  out[0xc8] = Kind::vmcs;
  out[0x62] = out[0x62 | kWithIp] = Kind::exstop;
  out[0xc2] = Kind::mwait;
  out[0x22] = Kind::pwre;
  out[0xa2] = Kind::pwrx;
  return out;
}();

size_t fixed_size(Kind kind) {
  switch (kind) {
    case Kind::pad:
    case Kind::tnt8:
      return 1;
    case Kind::mode:
    case Kind::mtc:
    case Kind::psbend:
    case Kind::ovf:
    case Kind::stop:
    case Kind::exstop:
      return 2;
    case Kind::cbr:
    case Kind::pwre:
      return 4;
    case Kind::tma:
    case Kind::vmcs:
    case Kind::pwrx:
      return 7;
    case Kind::tnt64:
    case Kind::tsc:
    case Kind::pip:
      return 8;
    case Kind::mwait:
      return 10;
    case Kind::mnt:
      return 11;
    case Kind::psb:
      return kPsbSize;
    default:
      return 0;
  }
}

CycPacket read_cyc(const uint8_t* at, const uint8_t* end) {
  constexpr unsigned kFirstBits = 5, kBits = 7, kMostBits = 64, kMoreInFirst = 4;
  uint64_t cycles = *at >> 3;
  const uint8_t* next = at + 1;
  unsigned bits = kFirstBits;
  for (bool more = (*at & kMoreInFirst) != 0; more; more = (*next++ & 1) != 0) {
    if (next == end) return {Kind::end, 0, 0};
    const uint64_t part = *next >> 1;
    if (bits + kBits > kMostBits) return {Kind::unknown, 0, 0};
    cycles |= part << bits;
    bits += kBits;
  }
  return {Kind::cyc, static_cast<size_t>(next - at), cycles};
}

Packet packet_at(const uint8_t* at, const uint8_t* end) {
  const Kind kind = packet_kind(at, end);
  switch (kind) {
    case Kind::end:
    case Kind::unknown:
      return {kind, 0};
    case Kind::tip:
    case Kind::pge:
    case Kind::pgd:
    case Kind::fup: {
      const size_t bytes = kIpBytes[*at >> kIpShift];
      return sized(kind, bytes == 1 ? 0 : 1 + bytes, at, end);
    }
    case Kind::ptw: {
      const size_t bytes = ptw_payload(at[1]);
      return sized(kind, bytes == 0 ? 0 : 2 + bytes, at, end);
    }
    case Kind::cyc: {
      const CycPacket cyc = read_cyc(at, end);
      return {cyc.kind, cyc.size};
    }
    default:
      break;
  }
  const Packet out = sized(kind, fixed_size(kind), at, end);
  return out.kind == kind && !well_formed(kind, at) ? Packet{Kind::unknown, 0} : out;
}

Kind behind_fup(const uint8_t* at, const uint8_t* end) {
  for (;;) {
    const Packet p = packet_at(at, end);
    switch (p.kind) {
      case Kind::pad:
      case Kind::tsc:
      case Kind::cbr:
      case Kind::psbend:
      case Kind::pip:
      case Kind::mode:
      case Kind::vmcs:
      case Kind::tma:
      case Kind::mtc:
      case Kind::cyc:
      case Kind::mnt:
        at += p.size;
        break;
      default:
        return p.kind;
    }
  }
}

bool may_begin_at(std::span<const std::byte> trace, uint64_t psb, uint64_t read, bool false_fup) {
  const auto* const begin = reinterpret_cast<const uint8_t*>(trace.data());
  const auto* const end = begin + trace.size();
  bool in_psb = true, mode = false;
  for (uint64_t at = psb; at < read;) {
    const Packet p = packet_at(begin + at, end);
    if (p.kind == Kind::tnt8 || p.kind == Kind::tnt64 || p.kind == Kind::tip) return false;
    if (p.size == 0) break;
    if (in_psb && p.kind == Kind::mode && begin[at + 1] >> 5 == 0) mode = true;
    at += p.size;
    if (in_psb && false_fup && p.kind == Kind::fup && behind_fup(begin + at, end) == Kind::pge) return false;
    if (p.kind == Kind::psbend || p.kind == Kind::ovf) in_psb = false;
  }
  return mode;
}

void Unknown::take(Kind kind, uint8_t second) {
  const bool in_psb = in_psb_;
  counts_ = counts_ || kind == Kind::mtc || kind == Kind::cyc;
  if (kind == Kind::psb) {
    in_psb_ = true;
    apart_ = false;
  }
  if (kind == Kind::psbend || kind == Kind::ovf) in_psb_ = false;
  if (in_psb && in_psb_) return;
  switch (kind) {
    case Kind::psb:
    case Kind::psbend:
    case Kind::pad:
    case Kind::tsc:
    case Kind::tma:
    case Kind::mtc:
    case Kind::cyc:
      return;
    case Kind::fup:
      // It may be an interrupt's too, where what waited turns out not to have.
      for_tip_ = true;
      for_fup_ = false;
      return;
    case Kind::mode:
      (second >> 5 == 0 ? for_tip_ : for_fup_) = true;
      break;
    case Kind::mwait:
      for_fup_ = true;
      break;
    case Kind::exstop:
    case Kind::ptw:
      for_fup_ = for_fup_ || (second & kWithIp) != 0;
      break;
    case Kind::ovf:
      for_fup_ = false;
      [[fallthrough]];
    case Kind::tip:
    case Kind::pge:
    case Kind::pgd:
      for_tip_ = false;
      break;
    default:
      break;
  }
  apart_ = true;
}

bool Unknown::at(uint64_t place) {
  const auto* const begin = reinterpret_cast<const uint8_t*>(trace_.data());
  while (at_ < place) {
    const Packet p = packet_at(begin + at_, begin + trace_.size());
    if (p.size == 0) return true;
    take(p.kind, begin[at_ + (p.size > 1 ? 1 : 0)]);
    at_ += p.size;
  }
  return for_tip_ || for_fup_ || counts_ || !apart_;
}

}  // namespace tracectl::intel_pt
