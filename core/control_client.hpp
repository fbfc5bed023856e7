// SPDX-License-Identifier: MIT
// ask_session(): one request to the session that records a capture.
//
// Errors: no capture; no session on it; another user's; one that does not answer in time.
#pragma once

#include <chrono>
#include <string>

#include "core/control.hpp"
#include "core/result.hpp"

namespace tracectl {

// Its answer, one line of JSON without the newline.
[[nodiscard]] Result<std::string> ask_session(const std::string& capture, ControlCommand command,
                                              std::chrono::milliseconds patience = std::chrono::seconds(5));

}  // namespace tracectl
