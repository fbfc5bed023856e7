// SPDX-License-Identifier: MIT
// A resolved plan as the bytes that the plugin gets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/host.hpp"
#include "core/resolved_plan.hpp"
#include "core/symbol_finder.hpp"

namespace tracectl::emulated {

// `test_idle`: HelloReply::idle_blocks, for tests.
[[nodiscard]] std::string hello_reply(const ResolvedPlan& plan, const HostFacts& host, std::optional<uint32_t> test_idle);
// May the plugin have QEMU throw translated code away? In versions before 7.2.18, and from 8 to 9, qemu_plugin_reset()
// leaves a lock taken on which other threads wait for ever (mended in 10.0 and 7.2.18: "plugins/loader: fix deadlock
// when resetting/uninstalling a plugin").
[[nodiscard]] bool can_translate_again(const QemuFacts& qemu);
// QEMU's -L for the programs of this backend; "" for none.
[[nodiscard]] std::string sysroot_for(BackendKind backend, const HostFacts& host);
[[nodiscard]] std::string module_reply(const ModuleAnswer& answer);

}  // namespace tracectl::emulated
