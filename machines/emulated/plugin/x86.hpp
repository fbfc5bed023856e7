// SPDX-License-Identifier: MIT
// The parts of the x86-64 guest: its table is in guest_x86.cpp, its packets are in flow_x86.cpp.
#pragma once

#include "machines/emulated/plugin/guest.hpp"

namespace tracectl::plugin {

bool settle_x86(ThreadState* s, const Block* p, uint64_t ip);
void unexplained_x86(ThreadState* s, const Block* p, uint64_t ip);
void sync_pt(ThreadState* s, uint64_t ip);
void start_pt(ThreadState* s, uint64_t ip);
void stop_pt(ThreadState* s, uint64_t ip, Stop why);
void overflow_pt(ThreadState* s, uint64_t ip);

}  // namespace tracectl::plugin
