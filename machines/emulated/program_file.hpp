// SPDX-License-Identifier: MIT
// What execve(2) would run, found out beforehand: scripts followed to their interpreter, ELF
// files told apart. Launcher and plugin use the same rules. Throws nothing but bad_alloc.
// Source: execve(2); fs/binfmt_script.c.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tracectl::emulated {

struct Command {
  std::string file;  // what QEMU shall load
  std::string name;  // the path that execve was given: its last part is the COMM
  std::string argv0;
  std::vector<std::string> rest;  // arguments behind argv[0]
};

enum class ProgramKind {
  traceable,  // an ELF program for the machine that our QEMU emulates
  foreign,    // can run, but not under our QEMU: other architecture, set-user-ID, unreadable
  refused,    // execve itself would fail
};

// Follows scripts; `command` is what to run then. `elf_machine`: EM_X86_64 or EM_AARCH64.
ProgramKind prepare_program(Command& command, uint16_t elf_machine);

// How QEMU is started.
struct QemuStart {
  std::string qemu, plugin;  // its path, the value of -plugin, to which comm= is added
  std::string sysroot;       // -L: where dynamic programs for another machine find their interpreter; or empty
};
// The argument list of QEMU for the command.
std::vector<std::string> qemu_arguments(const QemuStart& start, const Command& command);
// Pointers into `strings`, null-terminated, for execve.
std::vector<char*> exec_pointers(std::vector<std::string>& strings);

}  // namespace tracectl::emulated
