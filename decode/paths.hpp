// SPDX-License-Identifier: MIT
// Paths as text, as debug information and mapping records spell them.
#pragma once

#include <string>
#include <string_view>

namespace tracectl::decode {

// "." when there is none.
[[nodiscard]] std::string directory_of(const std::string& path);
// The last `parts` components: 1 gives the file name.
[[nodiscard]] std::string last_parts(const std::string& path, int parts);
// Whole components at the end: "src/a.c" ends "/x/src/a.c", "rc/a.c" does not.
[[nodiscard]] bool path_ends_with(std::string_view path, std::string_view tail);

}  // namespace tracectl::decode
