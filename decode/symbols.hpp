// SPDX-License-Identifier: MIT
// Symbols: names and source lines of ELF files, by libdw (the only door to elfutils).
// Addresses here are file offsets unless they say otherwise, so that they hold for PIE and
// non-PIE alike: map them through a segment to get a virtual address.
//
// Errors: a file that is no ELF, or cannot be read, gives an Error; a file without symbols
// gives empty answers, never an Error.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/resolved_plan.hpp"
#include "core/result.hpp"

namespace tracectl::decode {

struct Symbol {
  std::string name;  // demangled for people; `linkage` is the symbol table's spelling
  std::string linkage;
  uint64_t file_offset = 0;  // of its first byte
  uint64_t size = 0;         // bytes; 0 when unknown
};

struct SourceLine {
  std::string file;
  unsigned line = 0;
};

class Symbols {
 public:
  static Result<Symbols> open(const std::string& path);
  Symbols(Symbols&&) noexcept;
  Symbols& operator=(Symbols&&) noexcept;
  ~Symbols();

  [[nodiscard]] const std::string& build_id() const;  // hex, "" when none
  [[nodiscard]] const std::string& soname() const;    // DT_SONAME, "" when none
  [[nodiscard]] uint16_t elf_machine() const;         // EM_X86_64, EM_AARCH64, ...

  // File offsets that `where` names in this file (its object must match the file already).
  // Form address: none (an address needs no file). Several for inlined lines or same-named statics.
  [[nodiscard]] std::vector<uint64_t> resolve(const CodeLocation& where) const;

  // The function that holds a byte of the file, and how far into it.
  [[nodiscard]] const Symbol* at(uint64_t file_offset) const;
  [[nodiscard]] std::optional<SourceLine> line_at(uint64_t file_offset) const;

  [[nodiscard]] const std::vector<Symbol>& all() const;  // functions, ascending offset

 private:
  struct Impl;
  explicit Symbols(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

// True when `object` of a plan ("libc.so.6", "app", "/usr/bin/app") names this file: by full
// path, file name or DT_SONAME. An empty object names every file.
[[nodiscard]] bool object_matches(const std::string& object, const std::string& path, const std::string& soname);

}  // namespace tracectl::decode
