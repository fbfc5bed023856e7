// SPDX-License-Identifier: MIT
// Which blocks QEMU tells us of. While the program's only thread is paused, only those that a
// trigger sits in can end that: the others are translated as QEMU would without us. Changing
// over throws all translated code away (qemu_plugin_reset), so it is done only when the pause
// has lasted a while. See docs/design/code-nobody-watches.md.
#pragma once

#include <cstddef>
#include <vector>

#include "machines/emulated/plugin/qemu_api.hpp"
#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {

// At load: registers the callbacks of the plugin.
void install_callbacks(qemu_plugin_id_t id);

// Must this block tell us when it is entered? `addresses` are its instructions. Under g.mutex.
bool is_of_interest(const Block& b, const std::vector<uint64_t>& addresses);

// The thread's trace goes on, or a return is awaited. Every block is seen from the next one on:
// QEMU throws its code away before it enters another. Not under g.mutex.
void see_all_blocks();
// The same when the triggers, or what is possible, changed. In a system call not under g.mutex.
void translate_again();
// The paused thread entered g.idle_limit blocks for nothing, or somebody asks for it by hand. Not under g.mutex.
void idle(ThreadState* s);

// `b` ends in a system call, and only blocks of interest tell: if it is a clone(2) that makes a thread, every block is seen
// from before that call on. Not under g.mutex.
void before_call(const Block* b, const void* env);
// In that call.
void before_thread(const ThreadState* s);
// Before a fork(2), in its thread: a change that another thread began is over. Not under g.mutex.
void finish_translation_change();
// In the forked child, under g.mutex.
void forked_alone();

}  // namespace tracectl::plugin
