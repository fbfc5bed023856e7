// SPDX-License-Identifier: MIT
#include "core/capture/elf_core.hpp"

#include <elf.h>
#include <fmt/core.h>

#include <cstring>

namespace tracectl::capture {
namespace {

constexpr uint64_t kPage = 4096;

bool read_at(const Fd& fd, void* to, size_t size, uint64_t offset) {
  return ::pread(fd.get(), to, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

}  // namespace

Result<std::vector<CoreSegment>> read_core_segments(const Fd& fd, const std::string& path) {
  Elf64_Ehdr head;
  if (!read_at(fd, &head, sizeof head, 0)) return fail(fmt::format("cannot read {}: it lacks an ELF header", path));
  if (std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
      head.e_ident[EI_DATA] != ELFDATA2LSB)
    return fail(fmt::format("cannot read {}: it is no 64-bit ELF file", path));
  if (head.e_phnum > kMostCoreSegments || head.e_phentsize != sizeof(Elf64_Phdr))
    return fail(fmt::format("cannot read {}: {} program headers of {} bytes", path, head.e_phnum, head.e_phentsize));
  std::vector<Elf64_Phdr> table(head.e_phnum);
  if (!table.empty() && !read_at(fd, table.data(), table.size() * sizeof(Elf64_Phdr), head.e_phoff))
    return fail(fmt::format("cannot read {}: its program headers are cut", path));
  std::vector<CoreSegment> out;
  for (const Elf64_Phdr& ph : table) {
    if (ph.p_type != PT_LOAD || ph.p_filesz == 0 || ph.p_vaddr + ph.p_filesz < ph.p_vaddr) continue;
    out.push_back({ph.p_vaddr, ph.p_filesz, ph.p_offset, (ph.p_flags & PF_X) != 0});
  }
  return out;
}

uint64_t core_head_size(size_t segments) {
  return (sizeof(Elf64_Ehdr) + segments * sizeof(Elf64_Phdr) + kPage - 1) / kPage * kPage;
}

std::string core_head(std::span<const CoreSegment> segments, uint16_t elf_machine) {
  std::string out(core_head_size(segments.size()), '\0');
  Elf64_Ehdr head{};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_ident[EI_DATA] = ELFDATA2LSB;
  head.e_ident[EI_VERSION] = EV_CURRENT;
  head.e_type = ET_CORE;
  head.e_machine = elf_machine;
  head.e_version = EV_CURRENT;
  head.e_phoff = sizeof head;
  head.e_ehsize = sizeof head;
  head.e_phentsize = sizeof(Elf64_Phdr);
  head.e_phnum = static_cast<uint16_t>(segments.size());
  std::memcpy(out.data(), &head, sizeof head);
  for (size_t i = 0; i < segments.size(); ++i) {
    Elf64_Phdr ph{};
    ph.p_type = PT_LOAD;
    ph.p_flags = PF_R | PF_W | PF_X;
    ph.p_offset = segments[i].offset;
    ph.p_vaddr = segments[i].address;
    ph.p_filesz = ph.p_memsz = segments[i].size;
    ph.p_align = kPage;
    std::memcpy(out.data() + sizeof head + i * sizeof ph, &ph, sizeof ph);
  }
  return out;
}

}  // namespace tracectl::capture
