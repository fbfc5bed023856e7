// SPDX-License-Identifier: MIT
#include "decode/stream_bytes.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>
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

constexpr size_t kMostMaps = 20'000;  // a third of what a process may have (vm.max_map_count)

// Room for a whole stream, into which its fragments come one behind the other: whole pages as maps of the file, the rest
// copied.
class Pages {
 public:
  static std::optional<Pages> reserve(const capture::AuxStream& stream) {
    uint64_t total = 0;
    for (const auto& fragment : stream.fragments) total += fragment.size;
    Pages out;
    out.page_ = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    out.begin_ = out.end_ = stream.fragments.front().file_offset % out.page_;
    out.room_ = (out.begin_ + total + out.page_ - 1) / out.page_ * out.page_;
    void* map = ::mmap(nullptr, out.room_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) return std::nullopt;
    out.base_ = static_cast<std::byte*>(map);
    return out;
  }
  Pages(Pages&& o) noexcept
      : base_(std::exchange(o.base_, nullptr)),
        page_(o.page_),
        room_(o.room_),
        begin_(o.begin_),
        end_(o.end_),
        copied_(o.copied_) {}
  Pages& operator=(Pages&&) = delete;
  ~Pages() {
    if (base_ != nullptr) ::munmap(base_, room_);
  }

  // False: it does not lie in its pages as it should, and there would be too much to copy.
  bool append(const capture::Reader& reader, const capture::AuxFragment& fragment) {
    const auto bytes = reader.bytes(fragment);
    const uint64_t first = (end_ + page_ - 1) / page_ * page_, behind = (end_ + bytes.size()) / page_ * page_;
    const bool fits = (fragment.file_offset - end_) % page_ == 0 && first < behind;
    uint64_t copied = bytes.size();
    if (fits) {
      if (!reader.map_at(base_ + first, fragment.file_offset + (first - end_), behind - first)) return false;
      copy(bytes.first(first - end_), end_);
      copy(bytes.subspan(behind - end_), behind);
      copied -= behind - first;
    } else if (copied_ + copied <= StreamBytes::kLargestInMemory) {
      copy(bytes, end_);
    }
    end_ += bytes.size();
    copied_ += copied;
    return copied_ <= StreamBytes::kLargestInMemory;
  }

  [[nodiscard]] std::span<const std::byte> bytes() const { return {base_ + begin_, end_ - begin_}; }

 private:
  Pages() = default;
  void copy(std::span<const std::byte> bytes, uint64_t to) const {
    if (!bytes.empty()) std::memcpy(base_ + to, bytes.data(), bytes.size());
  }

  std::byte* base_ = nullptr;
  uint64_t page_ = 0, room_ = 0, begin_ = 0, end_ = 0;  // bytes; begin_, end_: of the trace in it
  uint64_t copied_ = 0;
};

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

std::optional<StreamBytes> StreamBytes::mapped(const capture::Reader& reader, const capture::AuxStream& stream) {
  if (stream.fragments.size() < 2 || stream.fragments.size() > kMostMaps / 2) return std::nullopt;
  auto pages = Pages::reserve(stream);
  if (!pages) return std::nullopt;
  for (const auto& fragment : stream.fragments)
    if (!pages->append(reader, fragment)) return std::nullopt;
  StreamBytes out;
  out.bytes_ = pages->bytes();
  out.owner_ = std::make_shared<Pages>(std::move(*pages));
  return out;
}

Result<StreamBytes> StreamBytes::of(const capture::Reader& reader, const capture::AuxStream& stream) {
  if (auto out = mapped(reader, stream)) return std::move(*out);
  std::vector<std::span<const std::byte>> parts;
  for (const auto& fragment : stream.fragments) parts.push_back(reader.bytes(fragment));
  return join(parts);
}

}  // namespace tracectl::decode
