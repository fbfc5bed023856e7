// SPDX-License-Identifier: MIT
#include "decode/open_elf.hpp"

#include <elfutils/libdw.h>
#include <fcntl.h>
#include <libelf.h>

namespace tracectl::decode {

void ElfEnd::operator()(Elf* e) const { elf_end(e); }
void DwarfEnd::operator()(Dwarf* d) const { dwarf_end(d); }

OpenElf::OpenElf(const std::string& path) : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  elf_version(EV_CURRENT);
  if (fd) elf.reset(elf_begin(fd.get(), ELF_C_READ_MMAP, nullptr));
  if (elf && elf_kind(elf.get()) != ELF_K_ELF) elf.reset();
}

}  // namespace tracectl::decode
