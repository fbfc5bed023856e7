// SPDX-License-Identifier: MIT
// Sideband records as plain data: what MMAP, MMAP2, COMM, FORK and ITRACE_START say.
//
// Errors: a record too short for its type, or of another type, is nullopt.
// Source: perf_event_open(2), "MMAP layout"; include/uapi/linux/perf_event.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/capture/reader.hpp"
#include "decode/image.hpp"

namespace tracectl::decode {

struct SidebandRecord {
  enum class Kind : uint8_t { map, exec, comm, fork, start };
  Kind kind = Kind::map;
  int32_t pid = -1, tid = -1, parent = -1;
  std::string comm;
  Section section;  // `time` is set for every kind; the rest for map, `file` never
};

// Mappings that hold no code are left out.
[[nodiscard]] std::optional<SidebandRecord> parse_sideband(const capture::Record& record);

}  // namespace tracectl::decode
