// SPDX-License-Identifier: MIT
// LineSamples: the counts of a profile by function and source line, as LLVM's sample profiles have them. A line is told
// relative to its function's declaration, so that code may move; what was inlined stands where it was inlined.
//
// Rules:  an address has the sum of the counts of the ranges over it; a line the largest count of its addresses, times the
//         discriminator's duplication factor; a function's total counts bytes, inlined ones included. The head count is
//         how often a function was entered, by whomever. Lines that were not executed count 0 where their function
//         was. Copies of a function that are not inlined add up.
//         Left out: code whose line is 0 (it belongs to no line) and functions whose line of declaration DWARF lacks.
// Units:  weights are executed bytes: count times length. Counts stop at the largest number.
// Source: github.com/google/autofdo, profile.cc, symbol_map.cc; LLVM, llvm-profgen/ProfileGenerator.cpp,
//         IR/DebugInfoMetadata.h (encoding of discriminators), ProfileData/SampleProf.h (suffixes of names).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "decode/inline_stacks.hpp"
#include "profile/profile.hpp"

namespace tracectl::profile {

struct LineSamples {
  struct Line {
    uint64_t count = 0;
    std::map<std::string, uint64_t> targets;  // of calls that were not inlined
  };
  using At = std::pair<uint32_t, uint32_t>;  // line relative to the declaration, 16 bits; discriminator

  uint64_t total = 0, head = 0;
  std::map<At, Line> lines;
  std::map<At, std::map<std::string, LineSamples>> inlined;

  [[nodiscard]] bool empty() const { return lines.empty() && inlined.empty(); }
  void add(const LineSamples& other);
};

struct SampledFunctions {
  std::map<std::string, LineSamples> functions;  // none is empty
  // Executed bytes: all, those of a source line, and those in functions which have none.
  uint64_t executed = 0, placed = 0, lineless = 0;
};

using IsCall = std::function<bool(uint64_t address)>;  // is the instruction there a call?
[[nodiscard]] SampledFunctions sample_lines(const Profile& profile, const decode::InlineStacks& code, const IsCall& is_call);

// clang's discriminators are made of a base and a factor by which unrolling and vectorizing divided the count.
struct Discriminator {
  uint32_t base = 0, factor = 1;
};
[[nodiscard]] Discriminator split_discriminator(uint32_t value);
// Without what compilers append to the names of parts and copies: the name that the source has.
[[nodiscard]] std::string source_name(std::string linkage_name);

}  // namespace tracectl::profile
