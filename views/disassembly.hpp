// SPDX-License-Identifier: MIT
// Disassembler: instructions as text: x86-64 in Intel syntax, A64, A32, T32 (Capstone's only door).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "decode/item.hpp"

namespace tracectl::views {

class Disassembler {
 public:
  Disassembler();
  ~Disassembler();
  // "(bad)" where Capstone does not know the instruction.
  [[nodiscard]] std::string text(std::span<const uint8_t> bytes, uint64_t ip, decode::Isa isa = decode::Isa::x86_64) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tracectl::views
