// SPDX-License-Identifier: MIT
#include "decode/load_segments.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstring>

#include "core/fd.hpp"

namespace tracectl::decode {
namespace {

bool read_at(int fd, void* to, size_t size, uint64_t offset) {
  return ::pread(fd, to, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

}  // namespace

Result<LoadSegments> LoadSegments::of(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot open " + path);
  Elf64_Ehdr head;
  const bool elf = read_at(fd.get(), &head, sizeof head, 0) && std::memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 &&
                   head.e_ident[EI_CLASS] == ELFCLASS64 && head.e_ident[EI_DATA] == ELFDATA2LSB &&
                   head.e_phentsize == sizeof(Elf64_Phdr);
  if (!elf) return fail(path + " is no 64-bit ELF file", "give the program or library that was traced");
  LoadSegments out;
  std::optional<uint64_t> first;
  for (unsigned i = 0; i < head.e_phnum; ++i) {
    Elf64_Phdr p;
    if (!read_at(fd.get(), &p, sizeof p, head.e_phoff + i * sizeof p))
      return fail(path + " is cut: it lacks program headers");
    if (p.p_type != PT_LOAD) continue;
    if (!first) first = p.p_vaddr;  // the ABI has them ascend
    out.segments_.push_back({p.p_offset, p.p_filesz, p.p_vaddr - *first});
  }
  if (!first) return fail(path + " has nothing to load: it is no program or library");
  return out;
}

std::optional<uint64_t> LoadSegments::address_of(uint64_t file_offset) const {
  for (const Segment& s : segments_)
    if (file_offset >= s.file_offset && file_offset - s.file_offset < s.size)
      return s.address + (file_offset - s.file_offset);
  return std::nullopt;
}

}  // namespace tracectl::decode
