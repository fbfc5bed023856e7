// SPDX-License-Identifier: MIT
// Records: PERF_RECORD_* taken apart. The counterpart of record_build.hpp, for any
// recorder's sample_type.
//
// Shape: `body` is what follows the 8-byte header. Text points into the body.
// Errors: a body that is too short gives nullopt or false; nothing is read outside it.
// Source: include/uapi/linux/perf_event.h, enum perf_event_type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace tracectl::perf {

// The fields of sample_id and of a sample that we use; absent ones keep their default.
struct SampleFields {
  uint64_t time = 0, id = 0, ip = 0;
  int32_t pid = -1, tid = -1, cpu = -1;
};

// Bytes of the sample_id trailer of a sample_type.
[[nodiscard]] size_t sample_id_size(uint64_t sample_type);
// The trailer of any record but SAMPLE.
bool parse_sample_id(std::span<const std::byte> body, uint64_t sample_type, SampleFields& out);
// The body of a SAMPLE, as far as PERF_SAMPLE_CPU.
bool parse_sample(std::span<const std::byte> body, uint64_t sample_type, SampleFields& out);

struct MmapRecord {  // MMAP and MMAP2
  int32_t pid = -1, tid = -1;
  uint64_t address = 0, length = 0, file_offset = 0;
  uint32_t prot = 0, flags = 0;         // MMAP: PROT_EXEC unless PERF_RECORD_MISC_MMAP_DATA
  std::span<const std::byte> build_id;  // empty when the record has none
  std::string_view name;
};
struct CommRecord {
  int32_t pid = -1, tid = -1;
  bool exec = false;
  std::string_view comm;
};
struct TaskRecord {  // FORK and EXIT
  int32_t pid = -1, ppid = -1, tid = -1, ptid = -1;
  uint64_t time = 0;
};
struct AuxRecord {
  uint64_t offset = 0, size = 0, flags = 0;
};
struct ThreadRecord {  // ITRACE_START
  int32_t pid = -1, tid = -1;
};

struct HwIdRecord {  // AUX_OUTPUT_HW_ID
  uint64_t id = 0;
};

// `type` is MMAP or MMAP2.
[[nodiscard]] std::optional<MmapRecord> parse_mmap(uint32_t type, uint16_t misc, std::span<const std::byte> body);
[[nodiscard]] std::optional<CommRecord> parse_comm(uint16_t misc, std::span<const std::byte> body);
[[nodiscard]] std::optional<TaskRecord> parse_task(std::span<const std::byte> body);
[[nodiscard]] std::optional<AuxRecord> parse_aux(std::span<const std::byte> body);
[[nodiscard]] std::optional<HwIdRecord> parse_hw_id(std::span<const std::byte> body);
[[nodiscard]] std::optional<ThreadRecord> parse_itrace_start(std::span<const std::byte> body);
// How many records a LOST or LOST_SAMPLES record says were dropped.
[[nodiscard]] std::optional<uint64_t> parse_lost(uint32_t type, std::span<const std::byte> body);

}  // namespace tracectl::perf
