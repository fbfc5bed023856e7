// SPDX-License-Identifier: MIT
// What tracectl ctl asks of the emulated machine. A thread pauses and resumes itself: it is asked
// by a word in its ThreadState, and reads it where it would look anyway (docs/control.md).
#pragma once

#include "core/control_server.hpp"
#include "machines/emulated/server.hpp"

namespace tracectl::emulated {

[[nodiscard]] ControlHandlers by_hand(Server& server, const capture::Writer& writer);

}  // namespace tracectl::emulated
