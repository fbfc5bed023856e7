// SPDX-License-Identifier: MIT
// build_id_of: the GNU build-id of an ELF file as hex, "" when there is none or the file is
// no 64-bit ELF. Reads only the program headers and notes, so that it is cheap to ask often.
#pragma once

#include <string>

namespace tracectl::decode {

[[nodiscard]] std::string build_id_of(const std::string& path);

}  // namespace tracectl::decode
