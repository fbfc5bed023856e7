// SPDX-License-Identifier: MIT
// A resolved plan as the bytes that the plugin gets.
#pragma once

#include <string>

#include "core/host.hpp"
#include "core/resolved_plan.hpp"
#include "core/symbol_finder.hpp"

namespace tracectl::emulated {

[[nodiscard]] std::string hello_reply(const ResolvedPlan& plan, const HostFacts& host);
[[nodiscard]] std::string module_reply(const ModuleAnswer& answer);

}  // namespace tracectl::emulated
