// SPDX-License-Identifier: MIT
// Variables of an ELF file by name: for watchpoints. Functions are in symbols.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tracectl::decode {

struct DataSymbols {
  std::vector<uint64_t> found;  // virtual addresses as in the file, ascending, each once
  // The page where the first code segment begins: what a mapping of it says about the rest.
  uint64_t code_address = 0, code_offset = 0;
};

// All variables of this name (as the linker has it, or demangled), static ones too; none of
// thread-local storage. Never fails: a file that is no 64-bit ELF file has none.
[[nodiscard]] DataSymbols data_symbols(const std::string& path, const std::string& name);

}  // namespace tracectl::decode
