// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/guest_start.hpp"

#include <elf.h>
#include <limits.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "machines/emulated/plugin/guest_memory.hpp"
#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {
namespace {

struct Auxv {
  uint64_t phdr = 0, phnum = 0, base = 0, entry = 0, execfn = 0;
};

// argc, argv..., 0, envp..., 0, auxv.
bool read_auxv(uint64_t stack, Auxv& out) {
  uint64_t argc = 0, word = 0;
  if (stack % 16 != 0 || !read_guest(stack, &argc, 8) || argc == 0 || argc > (1u << 22)) return false;
  uint64_t at = stack + 8 + argc * 8;
  if (!read_guest(at, &word, 8) || word != 0) return false;
  at += 8;
  do {
    if (!read_guest(at, &word, 8)) return false;
    at += 8;
  } while (word != 0);
  for (;;) {
    uint64_t pair[2];
    if (!read_guest(at, pair, 16)) return false;
    at += 16;
    if (pair[0] == AT_NULL) return out.phdr != 0 && out.phnum != 0;
    if (pair[0] == AT_PHDR) out.phdr = pair[1];
    if (pair[0] == AT_PHNUM) out.phnum = pair[1];
    if (pair[0] == AT_BASE) out.base = pair[1];
    if (pair[0] == AT_ENTRY) out.entry = pair[1];
    if (pair[0] == AT_EXECFN) out.execfn = pair[1];
    // QEMU 8.2 and later give the program a vdso, whose code lies in no file that a decoder
    // could read: the program does without, as under QEMU 7.2.
    if (pair[0] == AT_SYSINFO_EHDR) *guest_pointer<uint64_t>(at - 16) = AT_IGNORE;
  }
}

bool read_phdrs(uint64_t address, uint64_t count, std::vector<Elf64_Phdr>& out) {
  if (count > 256) return false;
  out.resize(count);
  return read_guest(address, out.data(), count * sizeof(Elf64_Phdr));
}

// How far the program was moved: by its PT_PHDR; a static-pie has none, then by the ELF
// header in front of the program headers, whose entry is AT_ENTRY.
uint64_t load_bias(const Auxv& aux, const std::vector<Elf64_Phdr>& phdrs) {
  for (const auto& p : phdrs)
    if (p.p_type == PT_PHDR) return aux.phdr - p.p_vaddr;
  Elf64_Ehdr header{};
  if (!read_guest(aux.phdr & ~4095ull, &header, sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return 0;
  return aux.entry - header.e_entry;
}

void add_code(const std::vector<Elf64_Phdr>& phdrs, uint64_t bias, GuestImage& out) {
  constexpr uint64_t kPage = 4096;
  for (const auto& p : phdrs) {
    if (p.p_type != PT_LOAD || (p.p_flags & PF_X) == 0) continue;
    const uint64_t slack = p.p_vaddr % kPage;
    const uint64_t size = (p.p_filesz + slack + kPage - 1) / kPage * kPage;
    out.code.push_back({bias + p.p_vaddr - slack, size, p.p_offset - slack, (p.p_flags & PF_W) != 0});
  }
}

// The file that QEMU took for the program's interpreter: below -L first.
void interpreter_file(const char* named, GuestImage& out) {
  const std::string below = std::string(g.config.sysroot) + named;
  if (realpath(below.c_str(), out.path) == nullptr && realpath(named, out.path) == nullptr) std::strcpy(out.path, named);
}

// PT_INTERP's path, and the interpreter's segments from the headers that lie at its base.
void read_interpreter(const std::vector<Elf64_Phdr>& phdrs, uint64_t bias, uint64_t base, GuestImage& out) {
  for (const auto& p : phdrs) {
    if (p.p_type != PT_INTERP || p.p_filesz >= PATH_MAX) continue;
    char path[PATH_MAX] = {};
    if (!read_guest(bias + p.p_vaddr, path, p.p_filesz)) return;
    interpreter_file(path, out);
  }
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> own;
  if (!read_guest(base, &header, sizeof header) || !read_phdrs(base + header.e_phoff, header.e_phnum, own)) return;
  uint64_t first = 0;
  for (const auto& p : own)
    if (p.p_type == PT_LOAD) {
      first = p.p_vaddr & ~4095ull;
      break;
    }
  add_code(own, base - first, out);
}

}  // namespace

bool read_guest_start(uint64_t stack, GuestStart& out) {
  Auxv aux;
  std::vector<Elf64_Phdr> phdrs;
  if (!read_auxv(stack, aux) || !read_phdrs(aux.phdr, aux.phnum, phdrs)) return false;
  const uint64_t bias = load_bias(aux, phdrs);
  // The path that QEMU was told to load; the program has not had a chance to change it.
  const auto* path = guest_pointer<const char>(aux.execfn);
  if (path != nullptr && realpath(path, out.program.path) == nullptr)
    std::strncpy(out.program.path, path, sizeof out.program.path - 1);
  add_code(phdrs, bias, out.program);
  if (aux.base != 0) read_interpreter(phdrs, bias, aux.base, out.interpreter);
  return true;
}

}  // namespace tracectl::plugin
