// SPDX-License-Identifier: MIT
// Control flow: what one block following another means in packets.
//
// A block callback means "entered", so each one settles how its predecessor ended: a TNT bit,
// an atom, a TIP, an address, nothing. Signals are recognised at their handler's first block; the frame that QEMU
// laid on the guest's stack says which instruction was interrupted.
//
// `env` is QEMU's CPU state. TCG keeps it in a fixed host register while translated code
// runs, and at the start of a block every guest register is in memory; its first members are
// the general registers. The plugin checks this at the program's first block and
// stays inert where it does not hold. See docs/design/reading-the-guest.md.
#pragma once

#include <cstdint>

#include "machines/emulated/plugin/guest.hpp"
#include "machines/emulated/plugin/guest_memory.hpp"
#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {

// Did QEMU stop `p` before its end, to go on with `b` inside it? It does at an instruction that
// writes to the page it lies in, and at some atomic ones: each is run again, alone. A block at
// that address would else run to the end of `p`, so the shorter one tells. Its instruction was
// begun before, and its triggers were hit.
bool goes_on_inside(const Block* p, const Block* b);
// Nothing to do for the code of `b`: decoders know it since before this thread's last time stamp.
inline bool code_is_known(const ThreadState* s, const Block* b) {
  return __atomic_load_n(&b->since, __ATOMIC_RELAXED) - 1 < s->stamped;  // 0, not stored yet, is not
}
// The code of `b` (kNoFile) is stored, and the trace tells decoders when.
void learn_code(ThreadState* s, const Block* b);
// Everything that is not "traced block follows traced block": signals, triggers, pause, start.
void enter_slowly(ThreadState* s, const Block* p, const Block* b, const void* env);
// A thread's first block, and the first behind a fork.
__attribute__((noinline, cold)) void first_block(const Block* b, void* env);

}  // namespace tracectl::plugin

extern "C" {
// Called by QEMU for each block through block_entry, which adds the host register that holds env.
void tracectl_on_block(unsigned vcpu, void* data, void* env);
void tracectl_block_entry(unsigned vcpu, void* data);
void tracectl_on_a64_block(unsigned vcpu, void* data, void* env);
void tracectl_a64_block_entry(unsigned vcpu, void* data);
void tracectl_on_insn(unsigned vcpu, void* data, void* env);
void tracectl_insn_entry(unsigned vcpu, void* data);
}
