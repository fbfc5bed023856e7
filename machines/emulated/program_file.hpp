// SPDX-License-Identifier: MIT
// What execve(2) would run, found out beforehand: scripts followed to their interpreter, ELF
// files told apart. Launcher and plugin use the same rules. Throws nothing but bad_alloc.
// Source: execve(2); fs/binfmt_script.c.
#pragma once

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
  traceable,  // an x86-64 ELF program
  foreign,    // can run, but not under our QEMU: other architecture, set-user-ID, unreadable
  refused,    // execve itself would fail
};

// Follows scripts; `command` is what to run then.
ProgramKind prepare_program(Command& command);
// The argument list of QEMU for it; `plugin` is the value of -plugin, to which comm= is added.
std::vector<std::string> qemu_arguments(const std::string& qemu, const std::string& plugin, const Command& command);
// Pointers into `strings`, null-terminated, for execve.
std::vector<char*> exec_pointers(std::vector<std::string>& strings);

}  // namespace tracectl::emulated
