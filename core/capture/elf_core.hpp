// SPDX-License-Identifier: MIT
// The program headers of an ELF core file: what /proc/kcore and the kcore of a capture are.
//
// Units: bytes; addresses are virtual. Order: as in the file.
// Errors: not a 64-bit little-endian ELF file, a header that cannot be read, more program
// headers than a kernel ever has. Segments behind the end of the file are given as they stand:
// whoever reads them gets less.
// Source: System V ABI, chapter 5, "Program Header"; fs/proc/kcore.c.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/fd.hpp"
#include "core/result.hpp"

namespace tracectl::capture {

struct CoreSegment {
  uint64_t address = 0, size = 0;  // size: in the file
  uint64_t offset = 0;             // in the file
  bool executable = false;
};

// PT_LOAD only. `path` is for messages.
[[nodiscard]] Result<std::vector<CoreSegment>> read_core_segments(const Fd& fd, const std::string& path);

// The head of a core file of these segments, as long as a multiple of the page size; the offsets
// must lie behind it. `segments`: at most kMostCoreSegments.
inline constexpr size_t kMostCoreSegments = 4096;
[[nodiscard]] uint64_t core_head_size(size_t segments);
[[nodiscard]] std::string core_head(std::span<const CoreSegment> segments, uint16_t elf_machine);

}  // namespace tracectl::capture
