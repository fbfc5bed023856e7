// SPDX-License-Identifier: MIT
#include "decode/data_symbols.hpp"

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "core/fd.hpp"

namespace tracectl::decode {
namespace {

// A whole file in memory; everything read from it is bounds-checked.
class File {
 public:
  explicit File(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat st {};
    if (!fd || ::fstat(fd.get(), &st) != 0 || st.st_size <= 0) return;
    void* map = ::mmap(nullptr, static_cast<size_t>(st.st_size), PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (map != MAP_FAILED) bytes_ = {static_cast<const char*>(map), static_cast<size_t>(st.st_size)};
  }
  ~File() {
    if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  template <class T>
  bool read(uint64_t at, T& out) const {
    if (at > bytes_.size() || bytes_.size() - at < sizeof out) return false;
    std::memcpy(&out, bytes_.data() + at, sizeof out);
    return true;
  }
  // A NUL-terminated text; empty when it is not there.
  [[nodiscard]] std::string_view text(uint64_t at) const {
    if (at >= bytes_.size()) return {};
    const size_t end = bytes_.find('\0', at);
    return end == std::string_view::npos ? std::string_view{} : bytes_.substr(at, end - at);
  }

 private:
  std::string_view bytes_;
};

bool is_named(std::string_view linkage, const std::string& name) {
  linkage = linkage.substr(0, linkage.find('@'));  // without a symbol version
  if (linkage == name) return true;
  if (linkage.substr(0, 2) != "_Z") return false;
  int status = 0;
  char* text = abi::__cxa_demangle(std::string(linkage).c_str(), nullptr, nullptr, &status);
  const bool same = status == 0 && name == text;
  std::free(text);
  return same;
}

bool is_variable(const Elf64_Sym& s) {
  const int type = ELF64_ST_TYPE(s.st_info);
  return (type == STT_OBJECT || type == STT_NOTYPE) && s.st_shndx != SHN_UNDEF && s.st_shndx != SHN_ABS;
}

void read_table(const File& file, const Elf64_Shdr& table, uint64_t strings, const std::string& name, DataSymbols& out) {
  Elf64_Sym s{};
  for (uint64_t at = 0; at + sizeof s <= table.sh_size && file.read(table.sh_offset + at, s); at += sizeof s)
    if (is_variable(s) && is_named(file.text(strings + s.st_name), name)) out.found.push_back(s.st_value);
}

void read_code_segment(const File& file, const Elf64_Ehdr& head, DataSymbols& out) {
  Elf64_Phdr p{};
  for (uint64_t i = 0; i < head.e_phnum && file.read(head.e_phoff + i * sizeof p, p); ++i) {
    if (p.p_type != PT_LOAD || (p.p_flags & PF_X) == 0) continue;
    const uint64_t slack = p.p_vaddr % 4096;
    out.code_address = p.p_vaddr - slack;
    out.code_offset = p.p_offset - slack;
    return;
  }
}

}  // namespace

DataSymbols data_symbols(const std::string& path, const std::string& name) {
  DataSymbols out;
  const File file(path);
  Elf64_Ehdr head{};
  if (!file.read(0, head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64)
    return out;
  read_code_segment(file, head, out);
  Elf64_Shdr table{}, strings{};
  for (uint64_t i = 0; i < head.e_shnum && file.read(head.e_shoff + i * sizeof table, table); ++i) {
    if (table.sh_type != SHT_SYMTAB && table.sh_type != SHT_DYNSYM) continue;
    if (file.read(head.e_shoff + table.sh_link * sizeof strings, strings))
      read_table(file, table, strings.sh_offset, name, out);
  }
  std::sort(out.found.begin(), out.found.end());
  out.found.erase(std::unique(out.found.begin(), out.found.end()), out.found.end());
  return out;
}

}  // namespace tracectl::decode
