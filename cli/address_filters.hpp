// SPDX-License-Identifier: MIT
// A plan's address filters as the kernel takes them: "filter OFFSET/SIZE@FILE" of what the program maps at its
// start (or has mapped), "filter ADDRESS/SIZE" of the kernel; "start" and "stop" in place of "filter".
//
// Errors: an object that the program does not load, a symbol that it does not have.
// Source: kernel/events/core.c, perf_event_parse_addr_filter; perf-record(1), --filter.
#pragma once

#include <string>

#include "cli/plan_options.hpp"

namespace tracectl::cli {

// For PERF_EVENT_IOC_SET_FILTER; empty when the plan has none.
[[nodiscard]] Result<std::string> kernel_filters(const LoadedPlan& loaded);

}  // namespace tracectl::cli
