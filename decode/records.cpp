// SPDX-License-Identifier: MIT
#include "decode/records.hpp"

#include <fmt/format.h>

#include <cstring>

namespace tracectl::decode {
namespace {

// Values of enum perf_event_type and of header.misc.
enum : uint32_t { kMmap = 1, kComm = 3, kFork = 7, kMmap2 = 10, kItraceStart = 12 };
constexpr uint16_t kMiscCommExec = 1 << 13;
constexpr uint16_t kMiscMmapData = 1 << 13;
constexpr uint16_t kMiscBuildId = 1 << 14;
constexpr uint32_t kProtExec = 4;
constexpr size_t kBuildIdMax = 20;

template <class T>
T read(std::span<const std::byte> body, size_t at) {
  T value{};
  if (at + sizeof value <= body.size()) std::memcpy(&value, body.data() + at, sizeof value);
  return value;
}

std::string text(std::span<const std::byte> body, size_t at) {
  const char* begin = reinterpret_cast<const char*>(body.data()) + at;
  return {begin, ::strnlen(begin, body.size() - at)};
}

std::string build_id(std::span<const std::byte> body, size_t at) {
  std::string hex;
  const size_t size = std::min<size_t>(read<uint8_t>(body, at), kBuildIdMax);
  for (size_t i = 0; i < size; ++i) hex += fmt::format("{:02x}", read<uint8_t>(body, at + 4 + i));
  return hex;
}

bool parse_map(const capture::Record& r, SidebandRecord& out) {
  // pid, tid, addr, len, pgoff; MMAP2 adds 24 bytes of identity, prot and flags.
  constexpr size_t kMapSize = 32, kIdentity = 32, kProt = 56, kMap2Size = 64;
  const size_t fixed = r.type == kMmap2 ? kMap2Size : kMapSize;
  if (r.body.size() < fixed || (r.type == kMmap && (r.misc & kMiscMmapData) != 0)) return false;
  if (r.type == kMmap2 && (read<uint32_t>(r.body, kProt) & kProtExec) == 0) return false;
  out.kind = SidebandRecord::Kind::map;
  out.section.address = read<uint64_t>(r.body, 8);
  out.section.size = read<uint64_t>(r.body, 16);
  out.section.file_offset = read<uint64_t>(r.body, 24);
  out.section.name = text(r.body, fixed);
  if (r.type == kMmap2 && (r.misc & kMiscBuildId) != 0) out.section.build_id = build_id(r.body, kIdentity);
  return true;
}

}  // namespace

std::optional<SidebandRecord> parse_sideband(const capture::Record& r) {
  SidebandRecord out;
  if (r.body.size() < 8) return std::nullopt;
  out.pid = read<int32_t>(r.body, 0);
  out.tid = read<int32_t>(r.body, 4);
  out.section.time = r.time;
  switch (r.type) {
    case kMmap:
    case kMmap2:
      if (!parse_map(r, out)) return std::nullopt;
      return out;
    case kComm:
      out.kind = (r.misc & kMiscCommExec) != 0 ? SidebandRecord::Kind::exec : SidebandRecord::Kind::comm;
      out.comm = text(r.body, 8);
      return out;
    case kFork:
      if (r.body.size() < 24) return std::nullopt;
      out.kind = SidebandRecord::Kind::fork;
      out.parent = out.tid;  // pid, ppid, tid, ptid, time
      out.tid = read<int32_t>(r.body, 8);
      if (out.section.time == 0) out.section.time = read<uint64_t>(r.body, 16);
      return out;
    case kItraceStart:
      out.kind = SidebandRecord::Kind::start;
      return out;
    default:
      return std::nullopt;
  }
}

}  // namespace tracectl::decode
