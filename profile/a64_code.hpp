// SPDX-License-Identifier: MIT
// A64Code: the code of one AArch64 binary as runs of instructions, each up to the next instruction that has an atom in a
// trace: a branch, direct or not, or an ISB. What branch lists are read and written with.
//
// Units:  addresses as the file has them, not relative to its first segment.
// Errors: open() refuses what is no 64-bit ELF file for AArch64, in words.
// Source: which instructions have an atom (P0): ARM IHI 0064, "P0 instructions"; that system calls have none: the same.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/result.hpp"
#include "decode/flow_graph.hpp"
#include "decode/load_segments.hpp"

namespace tracectl::profile {

class A64Code {
 public:
  // `read` knows the instructions: the backend's.
  static Result<A64Code> open(const std::string& path, decode::ReadInsn read);
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& build_id() const { return build_id_; }  // hex; empty when it has none
  // Of the first load segment: what addresses of a Profile are relative to.
  [[nodiscard]] uint64_t base() const { return segments_.all().front().address; }
  // In a segment that is executed.
  [[nodiscard]] bool holds(uint64_t address) const;
  // From `address` on; nullptr: no code is there, or it leads to no such instruction. Its kind is `none` for an ISB.
  [[nodiscard]] const decode::FlowNode* run(uint64_t address);

 private:
  A64Code(const std::string& path, decode::LoadSegments segments) : path_(path), segments_(std::move(segments)) {}

  std::string path_, build_id_;
  decode::LoadSegments segments_;
  std::unique_ptr<decode::CodeFiles> files_ = std::make_unique<decode::CodeFiles>();
  std::unique_ptr<decode::FlowGraph> graph_;
};

}  // namespace tracectl::profile
