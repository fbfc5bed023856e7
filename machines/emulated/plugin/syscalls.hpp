// SPDX-License-Identifier: MIT
// System calls of the traced program: trace stops and starts around them (the kernel is not
// traced), tracepoint triggers, and those calls that change what the program is: mmap,
// mprotect, rt_sigaction, prctl, execve, exit.
#pragma once

#include "machines/emulated/plugin/qemu_api.hpp"

namespace tracectl::plugin {

void on_syscall(qemu_plugin_id_t, unsigned vcpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8);
void on_syscall_return(qemu_plugin_id_t, unsigned vcpu, int64_t number, int64_t ret);

}  // namespace tracectl::plugin
