// SPDX-License-Identifier: MIT
// Which files a program's loader maps at its start, asked from that loader, which lists them and runs nothing of the
// program. What the program opens later (dlopen) is not among them.
#pragma once

#include <string>
#include <vector>

#include "core/elf_machine.hpp"

namespace tracectl {

// The loader that a 64-bit ELF file names (PT_INTERP); "" when it has none: a static program.
[[nodiscard]] std::string loader_of(const std::string& program);

// Absolute paths, the loader's own too; empty for a static program and for what cannot be asked.
[[nodiscard]] std::vector<std::string> loaded_files(const std::string& program);

// Absolute paths of the program itself (of a script: of its interpreter) and of what its loader maps; the
// program first. Empty where there is none.
[[nodiscard]] std::vector<std::string> program_files(const ProgramFacts& program);

}  // namespace tracectl
