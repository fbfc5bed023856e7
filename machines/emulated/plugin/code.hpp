// SPDX-License-Identifier: MIT
// Code that lies in no file: made by the program itself, patched, or of a file that is gone.
// Its bytes go into an image file in the capture, page by page, when they are first executed
// under trace; MMAP2 records say from when on which page of the image stands for an address.
// See docs/design/code-without-a-file.md.
//
// Shape: an image page is only ever added to. Bytes that some block was decoded from never
// change in it; when the program changes them the address gets another image page.
#pragma once

#include <cstdint>

#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {

// Other memory lies in [begin, end) now: what was known of it is forgotten. Takes g.mutex.
void memory_changed(uint64_t begin, uint64_t end);
// The bytes of [begin, end) may be written from now on: they are no file's. Takes g.mutex.
void code_writable(uint64_t begin, uint64_t end);
// The bytes of [begin, end) are those of a file that a record names. Takes g.mutex.
void file_lies(uint64_t begin, uint64_t end);
// Does a decoder find the bytes of [begin, end) in a file? The caller holds g.mutex.
bool lies_in_file(uint64_t begin, uint64_t end);

// The block's bytes are in the image, and b.since says from when on.
void store_code(ThreadState* s, const Block& b);

// fork(2), under g.mutex: what is stored so far belongs to both programs, and changes no more;
// the child stores elsewhere.
void freeze_code();
void leave_code_room();

}  // namespace tracectl::plugin
