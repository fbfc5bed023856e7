// SPDX-License-Identifier: MIT
// A program of a few A64 instructions as an ELF file: what a linker makes, as far as a profile looks at it.
#pragma once

#include <elf.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "backends/coresight/flow_insn.hpp"
#include "profile/a64_code.hpp"

namespace tracectl::profile {

inline constexpr uint64_t kFirst = 0x400000, kText = 0x410000;  // addresses of the two segments
inline constexpr uint64_t kAt = kText - kFirst;                 // of the code in a Profile
// 00: nop · 04: cbz x0, 10 · 08: nop · 0c: b 18 · 10: nop · 14: blr x1 · 18: isb · 1c: ret · 20: svc · 24: bl 00 · 28: nop
inline constexpr uint32_t kA64Code[] = {0xd503201f, 0xb4000060, 0xd503201f, 0x14000003, 0xd503201f, 0xd63f0020,
                                        0xd5033fdf, 0xd65f03c0, 0xd4000001, 0x97fffff7, 0xd503201f};

class A64Program {
 public:
  explicit A64Program(uint16_t machine = EM_AARCH64) {
    REQUIRE(::mkstemp(path_) >= 0);
    struct {
      Elf64_Ehdr head{};
      Elf64_Phdr segments[2]{};
      uint32_t code[std::size(kA64Code)]{};
    } file;
    std::memcpy(file.head.e_ident, ELFMAG, SELFMAG);
    file.head.e_ident[EI_CLASS] = ELFCLASS64;
    file.head.e_ident[EI_DATA] = ELFDATA2LSB;
    file.head.e_machine = machine;
    file.head.e_phoff = sizeof file.head;
    file.head.e_phentsize = sizeof(Elf64_Phdr);
    file.head.e_phnum = 2;
    file.segments[0] = {PT_LOAD, PF_R, 0, kFirst, kFirst, sizeof file.head, sizeof file.head, 0x1000};
    const uint64_t at = sizeof file.head + sizeof file.segments;
    file.segments[1] = {PT_LOAD, PF_R | PF_X, at, kText, kText, sizeof kA64Code, sizeof kA64Code, 0x1000};
    std::memcpy(file.code, kA64Code, sizeof kA64Code);
    std::ofstream(path_, std::ios::binary).write(reinterpret_cast<const char*>(&file), at + sizeof kA64Code);
  }
  ~A64Program() { ::unlink(path_); }
  A64Program(const A64Program&) = delete;
  A64Program& operator=(const A64Program&) = delete;

  [[nodiscard]] std::string path() const { return path_; }
  [[nodiscard]] std::string name() const { return path().substr(path().rfind('/') + 1); }
  [[nodiscard]] Result<A64Code> try_open() const { return A64Code::open(path_, coresight::a64_reader({})); }
  [[nodiscard]] A64Code open() const {
    auto code = try_open();
    REQUIRE(code);
    return std::move(*code);
  }

 private:
  char path_[32] = "/tmp/tracectl-a64-XXXXXX";
};

}  // namespace tracectl::profile
