// SPDX-License-Identifier: MIT
// Where functions begin in a stripped file: the search table of .eh_frame_hdr, which the
// unwinder needs and which therefore stays when symbols go.
//
// Errors: a table of another encoding than every linker writes gives nothing.
// Source: Linux Standard Base, Core, "Exception Frames", .eh_frame_hdr.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tracectl::decode {

// Virtual addresses, ascending. `address` is the section's own.
[[nodiscard]] std::vector<uint64_t> function_starts(std::span<const uint8_t> eh_frame_hdr, uint64_t address);

}  // namespace tracectl::decode
