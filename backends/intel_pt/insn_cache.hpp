// SPDX-License-Identifier: MIT
// InsnCache: what the instruction at an address is, so that each is decoded once. Entries
// are replaced, never grown: its memory is fixed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/intel_pt/insn.hpp"

namespace tracectl::intel_pt {

class InsnCache {
 public:
  struct Entry {
    uint64_t ip = ~uint64_t{0};
    int section = 0;  // whose bytes they are: an address may hold other code later
    uint8_t size = 0;
    decode::BranchKind kind = decode::BranchKind::none;
  };

  [[nodiscard]] const Entry* find(uint64_t ip, int section) {
    const Entry& e = slot(ip);
    return e.ip == ip && e.section == section ? &e : nullptr;
  }
  const Entry& add(uint64_t ip, int section, std::span<const uint8_t> bytes) {
    const Insn insn = bytes.empty() ? Insn{} : decode_insn(bytes.data(), bytes.size(), ip);
    return slot(ip) = {ip, section, insn.size, insn.kind};
  }

 private:
  static constexpr unsigned kBits = 16;
  Entry& slot(uint64_t ip) { return entries_[(ip * 0x9e3779b97f4a7c15u) >> (64 - kBits)]; }
  std::vector<Entry> entries_ = std::vector<Entry>(size_t{1} << kBits);
};

}  // namespace tracectl::intel_pt
