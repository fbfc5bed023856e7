// SPDX-License-Identifier: MIT
#include "decode/build_id.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <cstring>
#include <vector>

#include "core/fd.hpp"

namespace tracectl::decode {
namespace {

bool read_at(int fd, void* to, size_t size, uint64_t offset) {
  return ::pread(fd, to, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

size_t padded(size_t n) { return (n + 3) & ~size_t{3}; }

std::string from_notes(const std::vector<char>& notes) {
  size_t pos = 0;
  while (pos + sizeof(Elf64_Nhdr) <= notes.size()) {
    Elf64_Nhdr head;
    std::memcpy(&head, notes.data() + pos, sizeof head);
    const size_t name = pos + sizeof head;
    const size_t desc = name + padded(head.n_namesz);
    if (desc > notes.size() || head.n_descsz > notes.size() - desc) break;
    if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 && std::memcmp(notes.data() + name, "GNU", 4) == 0) {
      std::string hex;
      for (size_t i = 0; i < head.n_descsz; ++i) hex += fmt::format("{:02x}", static_cast<uint8_t>(notes[desc + i]));
      return hex;
    }
    pos = desc + padded(head.n_descsz);
  }
  return {};
}

}  // namespace

std::string build_id_of(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  Elf64_Ehdr ehdr;
  if (!fd || !read_at(fd.get(), &ehdr, sizeof ehdr, 0)) return {};
  if (std::memcmp(ehdr.e_ident, ELFMAG, SELFMAG) != 0 || ehdr.e_ident[EI_CLASS] != ELFCLASS64) return {};
  constexpr uint64_t kLargestNote = 64 * 1024;
  for (unsigned i = 0; i < ehdr.e_phnum; ++i) {
    Elf64_Phdr ph;
    if (!read_at(fd.get(), &ph, sizeof ph, ehdr.e_phoff + i * sizeof ph)) return {};
    if (ph.p_type != PT_NOTE || ph.p_filesz > kLargestNote) continue;
    std::vector<char> notes(ph.p_filesz);
    if (!read_at(fd.get(), notes.data(), notes.size(), ph.p_offset)) continue;
    if (std::string id = from_notes(notes); !id.empty()) return id;
  }
  return {};
}

}  // namespace tracectl::decode
