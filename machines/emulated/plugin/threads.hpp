// SPDX-License-Identifier: MIT
// The program's threads, as far as QEMU must be spared them.
//
// QEMU 7.2 frees the table of a thread that ends (CPUJumpCache) while the thread is still in its list of threads, and
// outside of what an exclusive section stops. Whoever throws translated code away just then clears the freed table, and
// QEMU's heap is damaged. So nobody may throw code away while a thread ends: the plugin does it only while there
// is one thread; and where QEMU itself does, threads are kept from ending.
// Source: QEMU 7.2 cpu.c cpu_exec_unrealizefn, accel/tcg/cpu-exec.c tcg_exec_unrealizefn, accel/tcg/tb-maint.c
// do_tb_flush; mended in 8.0 by "cpu: free cpu->tb_jmp_cache with RCU". See docs/design/code-nobody-watches.md.
#pragma once

#include <sched.h>

#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {

// What clone(2) does with these flags, as QEMU sees it: with CLONE_VFORK it forks (linux-user/syscall.c, do_fork).
inline bool makes_thread(uint64_t flags) { return (flags & CLONE_VM) != 0 && (flags & CLONE_VFORK) == 0; }

// At load, and in a forked child: this thread is the only one of the program.
void first_thread();

// Before the clone(2) that makes a thread; when it failed.
void thread_comes(const ThreadState* s);
void thread_did_not_come();
// The last of this thread's exit(2), exit_group(2). They wait until QEMU can do it.
void thread_goes();
void program_ends();

// Of the program's threads only this one is left, and QEMU has forgotten the others.
bool is_only_thread();

}  // namespace tracectl::plugin
