// SPDX-License-Identifier: MIT
// Which program a command line starts, and for which processor it was built: enough to pick
// a backend before anything runs. Only the ELF header is read.
//
// Errors: a command that cannot be found is an error of kind failed; a file that is neither
// ELF nor a script with an interpreter gives machine 0.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace tracectl {

// e_machine values. Source: System V ABI, ELF header.
inline constexpr uint16_t kElfX86_64 = 62;
inline constexpr uint16_t kElfAArch64 = 183;

struct ProgramFacts {
  std::string path;         // the file that execvp would take
  std::string interpreter;  // of a script: the ELF program that runs it; else empty
  uint16_t elf_machine = 0;
};

// $PATH, or what execvp takes without one.
[[nodiscard]] std::string search_path();
// The file that execvp(command) would run. `search_path` is a PATH-style list.
[[nodiscard]] Result<std::string> find_command(const std::string& command, std::string_view search_path);
// find_command, then follow `#!` lines (at most 5, as the kernel does) to an ELF file.
[[nodiscard]] Result<ProgramFacts> read_program(const std::string& command, std::string_view search_path);

}  // namespace tracectl
