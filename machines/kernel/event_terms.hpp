// SPDX-License-Identifier: MIT
// Events by their PMU's own terms, as perf spells them: "cpu/event=0xc4,umask=0x20/", "cpu/branch-misses/", "r1c4".
// What a term means is what the PMU's format/ folder says; a name in its events/ folder stands for its terms.
//
// Errors: a PMU, term or name that is not there (with those that are), a value that does not fit.
// Source: Documentation/ABI/testing/sysfs-bus-event_source-devices-format; perf-list(1), "RAW HARDWARE EVENT
//         DESCRIPTOR", "ARBITRARY PMUS".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/host.hpp"
#include "core/result.hpp"

namespace tracectl::kernel {

struct EventTerms {
  uint32_t type = 0;
  uint64_t config[3] = {};  // config, config1, config2
};

// Read below host.root. nullopt: `text` is spelled otherwise (a generic event's name).
[[nodiscard]] Result<std::optional<EventTerms>> find_event_terms(const std::string& text, const HostFacts& host);

}  // namespace tracectl::kernel
