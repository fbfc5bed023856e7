// SPDX-License-Identifier: MIT
// InlineStacks: what DWARF 4 and 5 tell of the code of one binary, for profiles by source line: which function each
// address belongs to, through all that was inlined, and the line and discriminator there. Values only; libdw stays inside.
//
// Units:  addresses are relative to the first load segment (decode/load_segments.hpp). Lines count from 1; 0: not known.
//         Discriminators are as the file has them, not decoded.
// Errors: a file that is no ELF file, one without debug information. Debug information that was split off is found
//         (decode/debug_file.hpp, .dwo). Where several units describe one function, the first one counts.
// Source: DWARF 5, sections 2.17, 3.3, 6.2; DW_AT_GNU_discriminator: binutils include/dwarf2.def.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "decode/address_set.hpp"

namespace tracectl::decode {

// A function, or a copy of one that was inlined into another frame.
struct InlineFrame {
  static constexpr uint32_t kNone = ~uint32_t{0};

  std::string function;     // as the linker knows it; empty when DWARF has no name
  uint32_t decl_line = 0;   // where the function is declared
  uint32_t caller = kNone;  // the frame that it was inlined into, which stands before it
  uint32_t call_line = 0, call_discriminator = 0;
};

// Code of one line in one frame.
struct LineSpan {
  uint64_t begin = 0, end = 0;  // end is not in it
  uint32_t frame = 0, line = 0, discriminator = 0;
};

struct InlineStacks {
  std::vector<InlineFrame> frames;
  std::vector<LineSpan> spans;           // ascending, disjoint
  std::map<uint64_t, uint32_t> entries;  // first address of a function → its frame
  bool flow_sensitive = false;           // discriminators are those of -enable-fs-discriminator
};

// Of the functions that hold any address of `wanted`, whole.
Result<InlineStacks> read_inline_stacks(const std::string& path, const AddressSet& wanted);

}  // namespace tracectl::decode
