// SPDX-License-Identifier: MIT
// Which files a program's loader maps at its start, asked from that loader, which lists them and runs nothing of the
// program. What the program opens later (dlopen) is not among them.
#pragma once

#include <string>
#include <vector>

namespace tracectl {

// Absolute paths, the loader's own too; empty for a static program and for what cannot be asked.
[[nodiscard]] std::vector<std::string> loaded_files(const std::string& program);

}  // namespace tracectl
