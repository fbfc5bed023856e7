// SPDX-License-Identifier: MIT
// The page in which the kernel runs instructions that a uprobe displaced. It has no file, and it
// cannot be read from outside (VM_IO), but trace leads through it: to a copy of the displaced
// instruction, one at a time, and from a probed function's return into a trampoline. So a decoder
// is given a page that has the same shape: one-byte instructions, of which trace walks as many as the
// displaced one has bytes (a FUP tells the end), and the trampoline, which is always the same. On AArch64 all
// instructions have four bytes, branches are not run there but acted by the kernel, and the trampoline is its breakpoint.
//
// Source: kernel/events/uprobes.c (xol_add_vma, UPROBE_XOL_SLOT_BYTES); arch/x86/kernel/uprobes.c
//         (uretprobe_trampoline_entry, Linux 6.11; a one-byte int3 before); arch/arm64/kernel/probes/uprobes.c,
//         arch/arm64/include/asm/debug-monitors.h (UPROBES_BRK_IMM); Arm ARM, NOP, BRK.
#pragma once

#include <cstdint>
#include <string>

#include "core/resolved_plan.hpp"

namespace tracectl::kernel {

inline constexpr const char* kUprobePage = "[uprobes]";  // as MMAP2 names it

[[nodiscard]] std::string uprobe_page(uint64_t size, BackendKind backend);

}  // namespace tracectl::kernel
