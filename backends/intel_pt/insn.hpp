// SPDX-License-Identifier: MIT
// One x86-64 instruction, as far as a trace unit cares: length, what it does to control
// flow, where a direct branch goes. Zydis does the work (its only door).
// Source: Intel SDM vol. 3, "Intel Processor Trace", change of flow instructions (COFI).
#pragma once

#include <cstddef>
#include <cstdint>

#include "decode/item.hpp"

namespace tracectl::intel_pt {

// What packets other than those of branches belong to; and far calls, which come back.
inline constexpr uint8_t kWritesCr3 = 1, kLoadsVmcs = 2, kPtwrites = 4, kFarCall = 8;
// UD0, UD1: what is behind them is not executed. libipt takes them for shorter than they are, without their ModRM byte.
inline constexpr uint8_t kFaults = 16;

struct Insn {
  uint8_t size = 0;  // bytes; 0: the bytes are no valid instruction
  decode::BranchKind kind = decode::BranchKind::none;
  uint8_t special = 0;  // kWritesCr3, ...
  bool rep = false;     // a string instruction with a rep prefix: may be executed piecewise
  uint64_t target = 0;  // direct jump, call, conditional: where it goes when taken
};

// `bytes` may be shorter than an instruction (end of a page, of a section): size is 0 then.
[[nodiscard]] Insn decode_insn(const uint8_t* bytes, size_t size, uint64_t ip);

}  // namespace tracectl::intel_pt
