// SPDX-License-Identifier: MIT
// OpenElf: an ELF file, open for libelf and libdw. Its users are behind elfutils' door (docs/DESIGN.md).
#pragma once

#include <memory>
#include <string>

#include "core/fd.hpp"

struct Elf;
struct Dwarf;

namespace tracectl::decode {

struct ElfEnd {
  void operator()(Elf* e) const;
};
struct DwarfEnd {
  void operator()(Dwarf* d) const;
};

struct OpenElf {
  explicit OpenElf(const std::string& path);

  Fd fd;
  std::unique_ptr<Elf, ElfEnd> elf;  // null: no such file, or no ELF file
};

}  // namespace tracectl::decode
