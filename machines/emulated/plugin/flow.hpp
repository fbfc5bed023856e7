// SPDX-License-Identifier: MIT
// Control flow: what one block following another means in packets.
//
// A block callback means "entered", so each one settles how its predecessor ended: a TNT bit,
// a TIP, nothing. Signals are recognised at their handler's first block; the frame that QEMU
// laid on the guest's stack says which instruction was interrupted.
//
// `env` is QEMU's CPU state. TCG keeps it in a fixed host register while translated code
// runs, and at the start of a block every guest register is in memory; its first member is
// the array of general registers. The plugin checks this at the program's first block and
// stays inert where it does not hold. See docs/design/reading-the-guest.md.
#pragma once

#include <cstdint>

#include "machines/emulated/plugin/guest_memory.hpp"
#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {

// Guest general registers by x86's own numbering.
enum Register { kRcx = 1, kRdx = 2, kRsp = 4, kRsi = 6, kRdi = 7 };
inline uint64_t reg(const void* env, Register r) { return static_cast<const uint64_t*>(env)[r]; }

// Is `b` a signal handler's first block, just delivered to? Then: which instruction was to be
// next, and whether that one itself faulted.
struct Interruption {
  bool delivered = false, fault = false;
  uint64_t ip = 0;
};
Interruption interruption(const Block* b, const void* env);

// Did QEMU stop `p` before its end, to go on with `b` inside it? It does at an instruction that
// writes to the page it lies in, and at some atomic ones: each is run again, alone. A block at
// that address would else run to the end of `p`, so the shorter one tells. Its instruction was
// begun before, and its triggers were hit.
bool goes_on_inside(const Block* p, const Block* b);
// The predecessor `p` went on at `ip`: its last packet. False when nothing explains it.
bool settle(ThreadState* s, const Block* p, uint64_t ip);
// The code of `b` (kNoFile) is stored, and the trace tells decoders when.
void learn_code(ThreadState* s, const Block* b);
// Everything that is not "traced block follows traced block": signals, triggers, pause, start.
void enter_slowly(ThreadState* s, const Block* p, const Block* b, const void* env);

}  // namespace tracectl::plugin

extern "C" {
// Called by QEMU for each block through block_entry, which adds the host register that holds env.
void tracectl_on_block(unsigned vcpu, void* data, void* env);
void tracectl_block_entry(unsigned vcpu, void* data);
void tracectl_on_insn(unsigned vcpu, void* data, void* env);
void tracectl_insn_entry(unsigned vcpu, void* data);
}
