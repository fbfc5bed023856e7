// SPDX-License-Identifier: MIT
// execve(2) in the traced program. Where the new program can be traced, the plugin itself
// executes QEMU with the new program; in every other case it returns, and QEMU's own
// execve does (or refuses) what the kernel would.
#pragma once

#include <cstdint>

#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {

// Addresses are the guest's. Does not return when the new program is traced.
void replace_program(ThreadState* s, int dirfd, uint64_t path, uint64_t argv, uint64_t envp, int flags);

}  // namespace tracectl::plugin
