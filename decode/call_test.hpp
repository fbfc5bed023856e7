// SPDX-License-Identifier: MIT
// CallTest: is the instruction at an address of a program or library a call? Enough to tell a function that calls itself
// from one that jumps back to its first instruction.
//
// Units:  addresses are relative to the first load segment (decode/load_segments.hpp).
// Errors: a file that cannot be read or has nothing to load; other processors than x86-64 and AArch64 have no calls.
// Source: Intel SDM vol. 2, CALL (E8, FF /2); Arm ARM DDI 0487, BL, BLR, BLRAA and its kin.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/capture/elf_core.hpp"
#include "core/capture/mapped_file.hpp"
#include "core/result.hpp"

namespace tracectl::decode {

// Of the instruction that `bytes` begin with.
[[nodiscard]] bool is_call(uint16_t elf_machine, std::span<const uint8_t> bytes);

class CallTest {
 public:
  static Result<CallTest> open(const std::string& path);
  [[nodiscard]] bool at(uint64_t address) const;

 private:
  capture::MappedFile file_;
  std::vector<capture::CoreSegment> segments_;  // at least one
  uint16_t machine_ = 0;
};

}  // namespace tracectl::decode
