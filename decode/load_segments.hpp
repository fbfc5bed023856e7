// SPDX-License-Identifier: MIT
// LoadSegments: where an ELF file's bytes lie when it is loaded, relative to its first loaded byte. This is how profiles
// name addresses, so that they hold wherever the file was loaded.
//
// Units:  bytes.
// Errors: of() refuses what is no 64-bit ELF file of this computer's byte order, or has nothing to load, in words.
// Source: System V ABI, "Program Header"; create_llvm_prof reads profiles with addresses relative to the first PT_LOAD.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/capture/elf_core.hpp"
#include "core/result.hpp"

namespace tracectl::decode {

class LoadSegments {
 public:
  static Result<LoadSegments> of(const std::string& path);
  // nullopt: no segment loads that byte.
  [[nodiscard]] std::optional<uint64_t> address_of(uint64_t file_offset) const;
  // Where they lie by the file itself; the first one first.
  [[nodiscard]] const std::vector<capture::CoreSegment>& all() const { return segments_; }

 private:
  std::vector<capture::CoreSegment> segments_;  // at least one
};

}  // namespace tracectl::decode
