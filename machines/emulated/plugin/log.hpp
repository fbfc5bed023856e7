// SPDX-License-Identifier: MIT
// For tests (plugin argument log=FILE): a digest of the instructions that each thread
// executed, computed from block callbacks alone, not from packets. A line per thread at its
// end: "TID COUNT HASH". The same digest of a decoded trace must be equal.
// Digest: h = (h xor address) * 0x100000001b3, from 0xcbf29ce484222325, instruction by
// instruction; `rep` counts once, a faulting instruction not at all.
#pragma once

#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {

void log_block(ThreadState* s, const Block* p, const Block* b, const void* env);
void log_finish(ThreadState* s);

}  // namespace tracectl::plugin
