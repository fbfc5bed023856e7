// SPDX-License-Identifier: MIT
// Shard: the i-th of n parts of a work, so that n computers can each do one.
//
// Units: bytes.
// Errors: parse() refuses what is not i/n with 1 <= i <= n, in words.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.hpp"

namespace tracectl::decode {

struct Shard {
  uint64_t index = 1, count = 1;  // from 1

  static Result<Shard> parse(const std::string& text);
  [[nodiscard]] bool whole() const { return count == 1; }
  // Where it begins and ends in so many bytes; where one ends the next begins.
  [[nodiscard]] uint64_t begin(uint64_t all) const { return part(all, index - 1); }
  [[nodiscard]] uint64_t end(uint64_t all) const { return part(all, index); }

 private:
  // all * i / n, which may be too much for 64 bits on the way.
  [[nodiscard]] uint64_t part(uint64_t all, uint64_t i) const { return all / count * i + (all % count) * i / count; }
};

}  // namespace tracectl::decode
