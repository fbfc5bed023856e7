// SPDX-License-Identifier: MIT
// The parts of the AArch64 guest: its table is in guest_a64.cpp, its packets are in flow_a64.cpp.
#pragma once

#include "machines/emulated/plugin/guest.hpp"

namespace tracectl::plugin {

bool settle_a64(ThreadState* s, const Block* p, uint64_t ip);
void unexplained_a64(ThreadState* s, const Block* p, uint64_t ip);
void sync_etm(ThreadState* s, uint64_t ip);
void start_etm(ThreadState* s, uint64_t ip);
void stop_etm(ThreadState* s, uint64_t ip, Stop why);
void overflow_etm(ThreadState* s, uint64_t ip);

}  // namespace tracectl::plugin
