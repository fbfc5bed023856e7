// SPDX-License-Identifier: MIT
// run_tool: what a small helper program prints. For `--version` and `-help`, nothing longer.
#pragma once

#include <string>
#include <vector>

namespace tracectl {

// First executable file of that name in $PATH; "" when there is none. A name with a slash
// stands for itself.
[[nodiscard]] std::string find_in_path(const std::string& name);

// stdout of argv, stdin from /dev/null, stderr dropped; "" when it cannot start. The exit
// status does not matter. Output behind the first 256 KiB is read and dropped.
[[nodiscard]] std::string output_of(const std::vector<std::string>& argv);

}  // namespace tracectl
