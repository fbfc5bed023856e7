// SPDX-License-Identifier: MIT
// Watchpoints: data that is written (w) or touched (rw). A data breakpoint traps behind the
// instruction that made the access, behind each iteration of a `rep`, and once for an
// instruction however often it touches the data.
//
// QEMU tells of each access as it is made. What it triggers is done when the block is left,
// as of the instruction behind: inside a block there is nothing else to tell, so a decoder
// sees it at its place; and an instruction that faults after its first access does not trap.
// Source: Intel SDM volume 3B, 17.2.4 and 17.3.1.2 (data breakpoints are traps).
#pragma once

#include <cstdint>

#include "machines/emulated/plugin/qemu_api.hpp"
#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {

// The trigger watches `address` from now on. The caller holds g.mutex.
void add_watch(uint32_t trigger, uint64_t address);
// What lay in [begin, end) is unmapped: watches of a module's data there end. Takes g.mutex.
void drop_watches(uint64_t begin, uint64_t end);

// Instruments one instruction; `next` is the one behind it, 0 when it is the block's last.
void watch_instruction(qemu_plugin_insn* insn, uint64_t next);

// Hits in `p`, the block entered last, whose next instruction lies in it and not behind `until`.
void hit_watches_inside(ThreadState* s, const Block* p, uint64_t until);
// Those of its last instruction, which went on to `ip`. All hits are done then.
void hit_watches_behind(ThreadState* s, uint64_t ip);

}  // namespace tracectl::plugin
