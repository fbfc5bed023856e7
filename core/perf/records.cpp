// SPDX-License-Identifier: MIT
#include "core/perf/records.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "core/perf/uapi.hpp"

namespace tracectl::perf {
namespace {

// Reads fields one behind the other; `ok` stays false after the first that does not fit.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> body, size_t at = 0) : body_(body), at_(at), ok_(at <= body.size()) {}
  template <class T>
  T take() {
    T value{};
    if (!ok_ || body_.size() - at_ < sizeof(T)) {
      ok_ = false;
      return value;
    }
    std::memcpy(&value, body_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  std::span<const std::byte> bytes(size_t size) {
    if (!ok_ || body_.size() - at_ < size) {
      ok_ = false;
      return {};
    }
    at_ += size;
    return body_.subspan(at_ - size, size);
  }
  // Up to the NUL, or to the end of the body where there is none.
  std::string_view text() {
    if (!ok_) return {};
    const auto* begin = reinterpret_cast<const char*>(body_.data()) + at_;
    const auto* end = std::find(begin, begin + (body_.size() - at_), '\0');
    return {begin, static_cast<size_t>(end - begin)};
  }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::span<const std::byte> body_;
  size_t at_;
  bool ok_;
};

constexpr uint64_t kTrailerBits =
    PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_CPU | PERF_SAMPLE_IDENTIFIER;

void take_tid(Cursor& in, SampleFields& out) {
  out.pid = in.take<int32_t>();
  out.tid = in.take<int32_t>();
}
void take_cpu(Cursor& in, SampleFields& out) {
  out.cpu = in.take<int32_t>();
  in.take<uint32_t>();
}

}  // namespace

size_t sample_id_size(uint64_t sample_type) {
  return 8u * static_cast<size_t>(__builtin_popcountll(sample_type & kTrailerBits));
}

bool parse_sample_id(std::span<const std::byte> body, uint64_t sample_type, SampleFields& out) {
  const size_t size = sample_id_size(sample_type);
  if (body.size() < size) return false;
  Cursor in(body, body.size() - size);
  if (sample_type & PERF_SAMPLE_TID) take_tid(in, out);
  if (sample_type & PERF_SAMPLE_TIME) out.time = in.take<uint64_t>();
  if (sample_type & PERF_SAMPLE_ID) out.id = in.take<uint64_t>();
  if (sample_type & PERF_SAMPLE_STREAM_ID) in.take<uint64_t>();
  if (sample_type & PERF_SAMPLE_CPU) take_cpu(in, out);
  if (sample_type & PERF_SAMPLE_IDENTIFIER) out.id = in.take<uint64_t>();
  return in.ok();
}

bool parse_sample(std::span<const std::byte> body, uint64_t sample_type, SampleFields& out) {
  Cursor in(body);
  if (sample_type & PERF_SAMPLE_IDENTIFIER) out.id = in.take<uint64_t>();
  if (sample_type & PERF_SAMPLE_IP) out.ip = in.take<uint64_t>();
  if (sample_type & PERF_SAMPLE_TID) take_tid(in, out);
  if (sample_type & PERF_SAMPLE_TIME) out.time = in.take<uint64_t>();
  if (sample_type & PERF_SAMPLE_ADDR) in.take<uint64_t>();
  if (sample_type & PERF_SAMPLE_ID) out.id = in.take<uint64_t>();
  if (sample_type & PERF_SAMPLE_STREAM_ID) in.take<uint64_t>();
  if (sample_type & PERF_SAMPLE_CPU) take_cpu(in, out);
  return in.ok();
}

std::optional<MmapRecord> parse_mmap(uint32_t type, uint16_t misc, std::span<const std::byte> body) {
  Cursor in(body);
  MmapRecord m;
  m.pid = in.take<int32_t>();
  m.tid = in.take<int32_t>();
  m.address = in.take<uint64_t>();
  m.length = in.take<uint64_t>();
  m.file_offset = in.take<uint64_t>();
  if (type == PERF_RECORD_MMAP2) {
    const auto identity = in.bytes(24);
    if (in.ok() && (misc & kMiscMmapBuildId) != 0)
      m.build_id = identity.subspan(4, std::min<size_t>(std::to_integer<size_t>(identity[0]), 20));
    m.prot = in.take<uint32_t>();
    m.flags = in.take<uint32_t>();
  } else {
    m.prot = (misc & PERF_RECORD_MISC_MMAP_DATA) != 0 ? PROT_READ : PROT_READ | PROT_EXEC;
  }
  m.name = in.text();
  if (!in.ok()) return std::nullopt;
  return m;
}

std::optional<CommRecord> parse_comm(uint16_t misc, std::span<const std::byte> body) {
  Cursor in(body);
  CommRecord c;
  c.pid = in.take<int32_t>();
  c.tid = in.take<int32_t>();
  c.exec = (misc & kMiscCommExec) != 0;
  c.comm = in.text();
  if (!in.ok()) return std::nullopt;
  return c;
}

std::optional<TaskRecord> parse_task(std::span<const std::byte> body) {
  Cursor in(body);
  TaskRecord t;
  t.pid = in.take<int32_t>();
  t.ppid = in.take<int32_t>();
  t.tid = in.take<int32_t>();
  t.ptid = in.take<int32_t>();
  t.time = in.take<uint64_t>();
  if (!in.ok()) return std::nullopt;
  return t;
}

std::optional<AuxRecord> parse_aux(std::span<const std::byte> body) {
  Cursor in(body);
  AuxRecord a;
  a.offset = in.take<uint64_t>();
  a.size = in.take<uint64_t>();
  a.flags = in.take<uint64_t>();
  if (!in.ok()) return std::nullopt;
  return a;
}

std::optional<HwIdRecord> parse_hw_id(std::span<const std::byte> body) {
  Cursor in(body);
  HwIdRecord r;
  r.id = in.take<uint64_t>();
  if (!in.ok()) return std::nullopt;
  return r;
}

std::optional<ThreadRecord> parse_itrace_start(std::span<const std::byte> body) {
  Cursor in(body);
  ThreadRecord t;
  t.pid = in.take<int32_t>();
  t.tid = in.take<int32_t>();
  if (!in.ok()) return std::nullopt;
  return t;
}

std::optional<uint64_t> parse_lost(uint32_t type, std::span<const std::byte> body) {
  Cursor in(body);
  if (type == PERF_RECORD_LOST) in.take<uint64_t>();  // id
  const auto lost = in.take<uint64_t>();
  if (!in.ok()) return std::nullopt;
  return lost;
}

}  // namespace tracectl::perf
