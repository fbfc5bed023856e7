// SPDX-License-Identifier: MIT
#include "decode/stream_bytes.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "core/fd.hpp"

namespace tracectl::decode {
namespace {

Result<> write_all(int fd, std::span<const std::byte> part) {
  while (!part.empty()) {
    const ssize_t n = ::write(fd, part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail_errno("cannot write trace to a temporary file", "set TMPDIR to a directory with more room");
    part = part.subspan(static_cast<size_t>(n));
  }
  return {};
}

Result<Fd> temporary_file() {
  const char* dir = std::getenv("TMPDIR");
  std::string name = fmt::format("{}/tracectl-XXXXXX", dir != nullptr ? dir : "/var/tmp");
  Fd fd(::mkstemp(name.data()));
  if (!fd) return fail_errno("cannot make a temporary file like " + name, "set TMPDIR to a directory that can be written");
  ::unlink(name.c_str());
  return fd;
}

// Where a run ends and another begins, although no byte is missing.
std::vector<uint64_t> cuts_of(const capture::AuxStream& stream) {
  std::vector<uint64_t> out = stream.cuts;
  if (stream.pieces.empty()) return out;
  for (const auto& piece : stream.pieces) {
    out.push_back(piece.offset);
    out.push_back(piece.offset + piece.size);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

// Of the last piece that begins at or in front of a stream position.
uint64_t time_at(const capture::AuxStream& stream, uint64_t position) {
  const auto behind = std::upper_bound(stream.pieces.begin(), stream.pieces.end(), position,
                                       [](uint64_t at, const capture::AuxPiece& piece) { return at < piece.offset; });
  return behind == stream.pieces.begin() ? 0 : std::prev(behind)->time;
}

}  // namespace

std::vector<Run> runs_of(const capture::AuxStream& stream) {
  std::vector<Run> out;
  uint64_t at = 0, next = stream.begin;
  const std::vector<uint64_t> cuts = cuts_of(stream);
  auto cut = cuts.begin();
  for (const auto& fragment : stream.fragments) {
    if (out.empty() || fragment.aux_offset > next)
      out.push_back(
          {at, 0, fragment.aux_offset - std::min(next, fragment.aux_offset), time_at(stream, fragment.aux_offset)});
    const uint64_t end = fragment.aux_offset + fragment.size;
    for (; cut != cuts.end() && *cut < end; ++cut) {
      if (*cut <= fragment.aux_offset && out.back().size == 0) continue;  // a run begins here anyway
      const uint64_t split = at + (std::max(*cut, fragment.aux_offset) - fragment.aux_offset);
      out.back().size = split - out.back().begin;
      out.push_back({split, 0, 0, time_at(stream, *cut)});
    }
    at += fragment.size;
    out.back().size = at - out.back().begin;
    next = end;
  }
  return out;
}

Result<StreamBytes> StreamBytes::join(std::span<const std::span<const std::byte>> parts, uint64_t in_memory) {
  StreamBytes out;
  uint64_t total = 0;
  for (const auto& part : parts) total += part.size();
  if (total == 0) return out;
  if (parts.size() == 1) {
    out.bytes_ = parts[0];
    return out;
  }
  if (total <= in_memory) {
    auto memory = std::make_shared<std::vector<std::byte>>();
    memory->reserve(total);
    for (const auto& part : parts) memory->insert(memory->end(), part.begin(), part.end());
    out.bytes_ = *memory;
    out.owner_ = std::move(memory);
    return out;
  }
  auto fd = temporary_file();
  if (!fd) return tl::unexpected(fd.error());
  for (const auto& part : parts)
    if (auto done = write_all(fd->get(), part); !done) return tl::unexpected(done.error());
  void* map = ::mmap(nullptr, total, PROT_READ, MAP_SHARED, fd->get(), 0);
  if (map == MAP_FAILED) return fail_errno("cannot map the joined trace of a stream");
  ::madvise(map, total, MADV_SEQUENTIAL);
  out.bytes_ = {static_cast<const std::byte*>(map), total};
  out.owner_ = std::shared_ptr<void>(map, [total](void* p) { ::munmap(p, total); });
  return out;
}

Result<StreamBytes> StreamBytes::of(const capture::Reader& reader, const capture::AuxStream& stream) {
  std::vector<std::span<const std::byte>> parts;
  for (const auto& fragment : stream.fragments) parts.push_back(reader.bytes(fragment));
  return join(parts);
}

}  // namespace tracectl::decode
