// SPDX-License-Identifier: MIT
// Walking the records of a mapped perf.data, and reading its header parts. Nothing is read
// outside the map, whatever the bytes say.
#pragma once

#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/capture/format.hpp"
#include "core/capture/reader.hpp"
#include "core/perf/uapi.hpp"
#include "core/result.hpp"

namespace tracectl::capture {

// The whole file, with checked access.
class FileView {
 public:
  FileView() = default;
  explicit FileView(std::span<const std::byte> bytes) : bytes_(bytes) {}
  [[nodiscard]] uint64_t size() const { return bytes_.size(); }
  [[nodiscard]] std::optional<std::span<const std::byte>> at(uint64_t offset, uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) return std::nullopt;
    return bytes_.subspan(offset, size);
  }
  template <class T>
  [[nodiscard]] std::optional<T> get(uint64_t offset) const {
    const auto bytes = at(offset, sizeof(T));
    if (!bytes) return std::nullopt;
    T value;
    std::memcpy(&value, bytes->data(), sizeof(T));
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
};

struct RawRecord {
  uint32_t type = 0;
  uint16_t misc = 0;
  uint64_t offset = 0;              // in the file
  std::span<const std::byte> body;  // behind the header, without an AUXTRACE payload
  uint64_t payload = 0;             // AUXTRACE: bytes behind the record
};

enum class WalkEnd : uint8_t { whole, cut, stopped };

// Calls fn(const RawRecord&) -> bool for the records in [begin, end). `cut`: a record that
// is misaligned, has an impossible size or lies across `end`.
template <class Fn>
WalkEnd walk_records(const FileView& file, uint64_t begin, uint64_t end, Fn&& fn) {
  uint64_t at = begin;
  while (at < end) {
    const auto header = file.get<perf_event_header>(at);
    if (!header || header->size < sizeof *header || header->size % 8 != 0 || header->size > end - at) return WalkEnd::cut;
    const auto body = file.at(at + sizeof *header, header->size - sizeof *header);
    if (!body) return WalkEnd::cut;
    RawRecord record{header->type, header->misc, at, *body, 0};
    if (header->type == perf::kAuxtrace) {
      if (header->size < sizeof(perf::AuxtraceRecord)) return WalkEnd::cut;
      record.payload = file.get<perf::AuxtraceRecord>(at)->size;
      if (record.payload % 8 != 0 || record.payload > end - at - header->size) return WalkEnd::cut;
    }
    if (!fn(record)) return WalkEnd::stopped;
    at += header->size + record.payload;
  }
  return WalkEnd::whole;
}

// What stands in front of the records and behind them.
struct FileFacts {
  std::vector<EventDesc> events;
  uint64_t data_begin = 0, data_end = 0;
  bool cut = false;                                  // shorter than its header says
  bool finished = false;                             // has feature bits: its recorder came to its end
  std::vector<std::optional<FileSection>> features;  // by feature number
};
Result<FileFacts> read_facts(const FileView& file, const std::string& path);

// Strings of a feature section, joined by spaces.
std::string feature_text(const FileView& file, const FileSection& section, unsigned feature);

}  // namespace tracectl::capture
