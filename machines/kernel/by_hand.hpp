// SPDX-License-Identifier: MIT
// What tracectl ctl asks of the kernel machine (docs/control.md).
#pragma once

#include "core/control_server.hpp"
#include "machines/kernel/groups.hpp"

namespace tracectl::kernel {

// `so_far`: what the recorder itself counts. All three must outlive the server.
[[nodiscard]] ControlHandlers by_hand(Groups& groups, const capture::Writer& writer, const RunOutcome& so_far);

}  // namespace tracectl::kernel
