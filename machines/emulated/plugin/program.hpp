// SPDX-License-Identifier: MIT
// The traced program's life: its threads' buffers, its mappings and names as sideband
// records, its forks.
#pragma once

#include <cstdint>

#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {

// The first block of a thread (or of a forked child): buffers and sideband. Null when this
// thread must run untraced; it is asked again then at no cost.
ThreadState* start_thread(const Block* b, const void* env);
// The same, from a system call's return in a forked child.
ThreadState* start_forked();
// The thread is about to end: everything published, EXIT written, marked done.
void finish_thread(ThreadState* s);
// The program is about to become another one by exec: as finish_thread, without EXIT.
void leave_program(ThreadState* s);
// A file was mapped with code in it: MMAP2, and the triggers that sit there. `file`: a decoder
// can read the code there, for what lies in memory cannot be written.
void map_code(ThreadState* s, uint64_t address, uint64_t size, uint64_t file_offset, const char* path, uint32_t prot,
              uint32_t flags, bool file);
// Other memory lies in [begin, end) now: triggers of what was there are gone, those on bare addresses stay.
void forget_sites(uint64_t begin, uint64_t end);
// COMM: the thread has a new name.
void rename_thread(ThreadState* s, const char* name, bool exec);
// fork(2) handlers: the child must not write into its parent's rings.
void install_fork_handlers();

}  // namespace tracectl::plugin
