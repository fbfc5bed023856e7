// SPDX-License-Identifier: MIT
// Code: the bytes of instructions, out of the files of a capture's program images.
//
// Units: ns of the perf clock. Errors: a file that cannot be read has no code.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "decode/code_bytes.hpp"
#include "decode/image.hpp"

namespace tracectl::coresight {

class Code {
 public:
  // From now on code is that of these images at this time. The images outlive it, unchanged.
  void use(const decode::ImageTimeline& images, uint64_t time);
  // Reads at most out.size() bytes from `address` on; how many there are.
  [[nodiscard]] uint32_t read(uint64_t address, std::span<uint8_t> out);

 private:
  static constexpr uint64_t kPage = 4096;
  static constexpr size_t kSlots = 256;
  // The part of a page that is in one section.
  struct Slot {
    uint64_t begin = 1, end = 0;  // addresses
    const uint8_t* bytes = nullptr;
  };
  struct Program {
    explicit Program(const decode::ImageTimeline& images);
    decode::SectionIndex sections;
    std::vector<uint64_t> times;  // of the sections, ascending
  };
  const Slot& slot_of(uint64_t address);

  std::map<const decode::ImageTimeline*, std::unique_ptr<Program>> programs_;
  decode::CodeFiles files_;
  const decode::ImageTimeline* images_ = nullptr;
  Program* program_ = nullptr;
  uint64_t time_ = 0, next_ = 0;  // next_: when another section may be the one
  std::array<Slot, kSlots> slots_{};
};

}  // namespace tracectl::coresight
