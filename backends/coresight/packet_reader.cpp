// SPDX-License-Identifier: MIT
#include "backends/coresight/packet_reader.hpp"

namespace tracectl::coresight {
namespace {

using Kind = TracePacket::Kind;

constexpr unsigned kMaxFormat6 = 24;  // atoms

// Format 6: E, up to kMaxFormat6 of them, the last one perhaps N.
constexpr Atoms run_of_e(unsigned header) {
  const unsigned count = (header & 0x1f) + 4;
  const uint32_t all = (uint32_t{1} << count) - 1;
  return {(header & 0x20) != 0 ? all - 1 : all, static_cast<uint8_t>(count)};
}

// The packets have the oldest atom in the lowest bit.
constexpr Atoms turned(unsigned bits, unsigned count) {
  Atoms out{0, static_cast<uint8_t>(count)};
  for (unsigned i = 0; i < count; ++i) out.bits |= (bits >> i & 1) << (count - 1 - i);
  return out;
}

constexpr Atoms atoms_of(unsigned h) {
  if ((h >= 0xc0 && h < 0xc0 + kMaxFormat6 - 3) || (h >= 0xe0 && h < 0xe0 + kMaxFormat6 - 3)) return run_of_e(h);
  switch (h) {
    case 0xd5:
      return {0b00000, 5};
    case 0xd6:
      return {0b01010, 5};
    case 0xd7:
      return {0b10101, 5};
    case 0xf5:
      return {0b01111, 5};
    case 0xdc:
      return {0b0111, 4};
    case 0xdd:
      return {0b0000, 4};
    case 0xde:
      return {0b0101, 4};
    case 0xdf:
      return {0b1010, 4};
    default:
      break;
  }
  if (h >= 0xd8 && h <= 0xdb) return turned(h & 3, 2);
  if (h == 0xf6 || h == 0xf7) return turned(h & 1, 1);
  return h >= 0xf8 ? turned(h & 7, 3) : Atoms{};
}

TracePacket plain(Kind kind, uint32_t size = 1) {
  TracePacket out;
  out.kind = kind;
  out.size = size;
  return out;
}

constexpr std::array<uint8_t, kSyncSize> kSync = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80};
constexpr uint8_t kInfoHeader = 0x01;

uint8_t context_id_bytes(uint64_t idr2) { return (idr2 >> 5 & 0x1f) == 4 ? 4 : 0; }
// 2 and 4 came with ETMv4.1.
uint8_t vmid_bytes(uint64_t idr2, bool first_version) {
  const uint64_t size = idr2 >> 10 & 0x1f;
  if (size == 1) return 1;
  if (first_version) return 0;
  return size == 2 ? 2 : size == 4 ? 4 : 0;
}

}  // namespace

const std::array<Atoms, 256> kAtoms = [] {
  std::array<Atoms, 256> out{};
  for (unsigned h = 0; h < out.size(); ++h) out[h] = atoms_of(h);
  return out;
}();

std::optional<PacketShape> packet_shape(const TraceUnit& unit) {
  if (unit.architecture == Architecture::etmv3) return std::nullopt;
  constexpr uint64_t kMarkedTime = uint64_t{1} << 23;  // TRCIDR0.TSMARK
  if (unit.idr8 != 0 || (unit.idr0 & kMarkedTime) != 0) return std::nullopt;
  PacketShape out;
  out.ete = unit.architecture == Architecture::ete;
  const uint64_t version = unit.idr1 >> 4 & 0xff;
  out.ignore = out.ete || version >= 0x43;
  out.thread_in_vmid = (unit.config & 1u << 15) != 0;  // TRCCONFIGR.VMIDOPT
  out.context_id = context_id_bytes(unit.idr2);
  out.vmid = vmid_bytes(unit.idr2, !out.ete && version <= 0x40);
  return out;
}

std::optional<uint64_t> find_sync(std::span<const uint8_t> trace, uint64_t from) {
  static constexpr auto kWanted = [] {
    std::array<uint8_t, kSyncSize + 1> out{};
    out[kSyncSize - 1] = kSync.back();
    out[kSyncSize] = kInfoHeader;
    return out;
  }();
  if (from >= trace.size()) return std::nullopt;
  const void* hit = ::memmem(trace.data() + from, trace.size() - from, kWanted.data(), kWanted.size());
  if (hit == nullptr) return std::nullopt;
  return static_cast<uint64_t>(static_cast<const uint8_t*>(hit) - trace.data());
}

TracePacket PacketReader::read(uint64_t at) {
  const uint8_t h = trace_[at];
  switch (h) {
    case 0x00:
      return extension(at);
    case kInfoHeader:
      return info(at);
    case 0x02:
    case 0x03:
      return time(at);
    case 0x04:
      return plain(Kind::on);
    case 0x06:
      return exception(at);
    case 0x07:
      return plain(shape_.ete ? Kind::unsure : Kind::other);
    case 0x70:
      return plain(shape_.ignore ? Kind::skipped : Kind::unsure);
    case 0x80:
      context_ = true;
      return plain(Kind::skipped);
    case 0x81: {
      TracePacket out = plain(Kind::context);
      return context(at + 1, out) ? out : TracePacket{};
    }
    case 0x82:
    case 0x85:
    case 0x9a:
    case 0x9d:
      return address(at, h);
    case 0x90:
    case 0x91:
    case 0x92:
      return push(last_[h & 3], 1);
    case 0x95:
      return short_address(at);
    default:
      return plain(h > 0x70 && h < 0x80 ? Kind::skipped : Kind::unsure);  // 0x71 and on: events
  }
}

TracePacket PacketReader::extension(uint64_t at) const {
  if (!have(at, 2)) return {};
  if (trace_[at + 1] == 0x03) return plain(Kind::discard, 2);
  if (trace_[at + 1] == 0x05) return plain(Kind::overflow, 2);
  const bool sync = have(at, kSyncSize) && std::memcmp(trace_.data() + at, kSync.data(), kSyncSize) == 0;
  return sync ? plain(Kind::sync, kSyncSize) : TracePacket{};
}

// Sections: what is traced, the key of data trace, speculation, the cycle counts' threshold; each has a bit in the
// first byte. Only a plain one is known here.
TracePacket PacketReader::info(uint64_t at) {
  constexpr uint8_t kTraced = 1, kSpeculation = 4, kThreshold = 8, kCycleCounts = 1;
  if (!have(at, 2)) return {};
  const uint8_t sections = trace_[at + 1];
  if ((sections & ~(kTraced | kSpeculation | kThreshold)) != 0) return {};
  uint32_t size = 2;
  const auto section = [&](uint8_t bit, uint8_t allowed) {
    if ((sections & bit) == 0) return true;
    if (!have(at, size + 1) || (trace_[at + size] & ~allowed) != 0) return false;
    ++size;
    return true;
  };
  if (!section(kTraced, kCycleCounts) || !section(kSpeculation, 0) || !section(kThreshold, 0x7f)) return {};
  last_ = {};
  timed_ = false;
  return plain(Kind::info, size);
}

// Seven bits a byte, the ninth has eight; a shorter one leaves the high bits as they were.
TracePacket PacketReader::time(uint64_t at) {
  constexpr uint32_t kMost = 9, kUnclear = 7, kMostCount = 3;
  uint64_t value = 0;
  uint32_t n = 0;
  for (bool more = true; more;) {
    if (!have(at, n + 2)) return {};
    const uint8_t byte = trace_[at + 1 + n];
    value |= uint64_t{byte & 0x7fu} << (7 * n);
    more = (byte & 0x80) != 0;
    if (++n != kMost) continue;
    // Versions of OpenCSD differ in its highest bit.
    if (more) return {};
  }
  const uint64_t kept = timed_ && n != kMost ? time_ >> (7 * n) << (7 * n) : 0;
  // And in what a long one leaves.
  if (kept != 0 && n >= kUnclear) return {};
  TracePacket out = plain(Kind::time, n + 1);
  out.value = time_ = kept | value;
  timed_ = true;
  if ((trace_[at] & 1) == 0) return out;
  for (uint32_t count = 1; count <= kMostCount; ++count) {
    if (!have(at, out.size + 1)) return {};
    if ((trace_[at + out.size++] & 0x80) == 0) return out;
  }
  return {};
}

TracePacket PacketReader::exception(uint64_t at) const {
  constexpr uint8_t kReset = 0, kTransactionFailed = 0x18;
  if (!have(at, 2)) return {};
  const uint8_t byte = trace_[at + 1];
  TracePacket out = plain(Kind::exception, 2);
  out.exception = byte >> 1 & 0x1f;
  out.branch_target = (byte & 0x41) == 0x40;
  const bool odd = (byte & 0x80) != 0 || (shape_.ete && (out.exception == kReset || out.exception == kTransactionFailed));
  return odd ? TracePacket{} : out;
}

// A[8:2], A[15:9], then whole bytes; four bytes of it leave the upper half as it was.
TracePacket PacketReader::address(uint64_t at, uint8_t header) {
  const uint32_t bytes = header == 0x85 || header == 0x9d ? 8 : 4;
  if (!have(at, 1 + bytes)) return {};
  const uint8_t* p = trace_.data() + at + 1;
  uint64_t a = uint64_t{p[0] & 0x7fu} << 2 | uint64_t{p[1] & 0x7fu} << 9;
  for (uint32_t i = 2; i < bytes; ++i) a |= uint64_t{p[i]} << (8 * i);
  const uint64_t upper = last_[0] >> 32 << 32;
  if (bytes == 4 && upper != 0 && !context_) return {};
  TracePacket out = push(bytes == 4 ? upper | a : a, 1 + bytes);
  if ((header & 0xf8) == 0x80 && !context(at + out.size, out)) return {};
  return out;
}

TracePacket PacketReader::short_address(uint64_t at) {
  if (!have(at, 2)) return {};
  uint64_t a = uint64_t{trace_[at + 1] & 0x7fu} << 2;
  if ((trace_[at + 1] & 0x80) == 0) return push(last_[0] >> 9 << 9 | a, 2);
  if (!have(at, 3)) return {};
  a |= uint64_t{trace_[at + 2]} << 9;
  return push(last_[0] >> 17 << 17 | a, 3);
}

TracePacket PacketReader::push(uint64_t address, uint32_t size) {
  last_ = {address, last_[0], last_[1]};
  TracePacket out = plain(Kind::address, size);
  out.value = address;
  return out;
}

// Its first byte: exception level, A64, security, and what follows: the VMID, the context id.
bool PacketReader::context(uint64_t at, TracePacket& out) {
  constexpr uint8_t kA64 = 0x10, kVmid = 0x40, kContextId = 0x80;
  if (at >= trace_.size() || (trace_[at] & kA64) == 0) return false;
  const uint8_t what = trace_[at++];
  ++out.size;
  const auto id = [&](uint8_t bit, uint8_t bytes, bool wanted) {
    if ((what & bit) == 0) return true;
    // Of a unit that has none OpenCSD takes a byte more.
    if (bytes == 0 || !have(at, bytes)) return false;
    uint32_t value = 0;
    for (uint8_t i = 0; i < bytes; ++i) value |= uint32_t{trace_[at + i]} << (8 * i);
    at += bytes;
    out.size += bytes;
    if (wanted) {
      out.known = true;
      out.thread = value;
    }
    return true;
  };
  context_ = out.context = true;
  return id(kVmid, shape_.vmid, shape_.thread_in_vmid) && id(kContextId, shape_.context_id, !shape_.thread_in_vmid);
}

}  // namespace tracectl::coresight
