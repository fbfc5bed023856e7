// SPDX-License-Identifier: MIT
// debug_file_of: the file that holds the debug information which was split off an ELF file, where debuggers look for it
// too: by build-id under /usr/lib/debug, then by the file's .gnu_debuglink. "" when there is none.
//
// Source: GDB manual, "Separate Debug Files".
#pragma once

#include <string>

namespace tracectl::decode {

[[nodiscard]] std::string debug_file_of(const std::string& path);

}  // namespace tracectl::decode
