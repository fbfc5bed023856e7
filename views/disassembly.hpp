// SPDX-License-Identifier: MIT
// Disassembler: x86-64 instructions as text, Intel syntax (Capstone's only door).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace tracectl::views {

class Disassembler {
 public:
  Disassembler();
  ~Disassembler();
  // "(bad)" where Capstone does not know the instruction.
  [[nodiscard]] std::string text(std::span<const uint8_t> bytes, uint64_t ip) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tracectl::views
