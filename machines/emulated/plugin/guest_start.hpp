// SPDX-License-Identifier: MIT
// What stands on the guest's stack when a program starts: argc, argv, environment, auxiliary
// vector. From it: which files QEMU's own loader mapped, and where. (The host's /proc maps
// cannot say it: QEMU maps guest code without x and merges segments.)
// Source: System V ABI, AMD64 supplement, "Initial Stack and Register State"; getauxval(3).
#pragma once

#include <cstdint>
#include <vector>

namespace tracectl::plugin {

struct CodeSegment {
  uint64_t address = 0, size = 0, file_offset = 0;
  bool writable = false;
};

struct GuestImage {
  char path[4096] = {};
  std::vector<CodeSegment> code;
};

struct GuestStart {
  GuestImage program, interpreter;
};

// False when `stack` is not such a stack: then `env` is not what we think it is.
bool read_guest_start(uint64_t stack, GuestStart& out);

}  // namespace tracectl::plugin
