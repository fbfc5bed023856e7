// SPDX-License-Identifier: MIT
// Signals that reach tracectl while a command runs are the command's.
#pragma once

#include <sys/types.h>

#include "core/session.hpp"

namespace tracectl {

// A terminal sends SIGINT and SIGQUIT to the whole foreground group: the command has them
// already, and decides what they mean. Any other signal comes to us alone, and is passed on.
// Installed before the command starts: a signal between the two is its first. `child` must outlive the session.
void pass_signals(Session& session, const pid_t& child);

// The same behind the session's end, when its loop runs no more and the program still does.
void pass_signals_untraced(pid_t child);
// And waits for it.
void wait_untraced(pid_t child, int* status);

}  // namespace tracectl
