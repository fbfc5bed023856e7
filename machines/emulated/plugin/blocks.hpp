// SPDX-License-Identifier: MIT
// Translation: each block that QEMU translates becomes a Block, and gets its callbacks.
#pragma once

#include "machines/emulated/plugin/qemu_api.hpp"
#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {

void on_translate(qemu_plugin_id_t id, qemu_plugin_tb* tb);
// What is special about the block now: triggers, code without a file, ... The caller holds g.mutex.
void mark_block(Block& b);
// A signal handler was installed at `pc`. The caller holds g.mutex.
void mark_handler(uint64_t pc);

}  // namespace tracectl::plugin
