// SPDX-License-Identifier: MIT
// What `tracectl list` shows, subject by subject: names that a plan may use here.
//
// Errors: a subject that this machine lacks gives no rows and a note that says why.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/host.hpp"
#include "core/result.hpp"

namespace tracectl::cli {

struct ListRow {
  std::string name;                                               // as a plan spells it
  std::string detail;                                             // where it works, what it is
  std::vector<std::pair<std::string, std::string>> columns = {};  // the detail's parts by name, for --json
};

struct Listing {
  std::vector<ListRow> rows;
  std::vector<std::string> notes;  // printed to stderr, behind the rows
};

// Programs of the backend's processor: their own system calls and numbers.
[[nodiscard]] Listing list_tracepoints(const HostFacts& facts, BackendKind backend, const std::string& pattern);
// The programs of this computer.
[[nodiscard]] BackendKind native_backend(const HostFacts& facts);
[[nodiscard]] Result<Listing> list_symbols(const std::string& program, const std::string& pattern);
[[nodiscard]] Listing list_sinks(const HostFacts& facts, const std::string& pattern);
[[nodiscard]] Listing list_backends(const HostFacts& facts, const std::string& pattern);
[[nodiscard]] Listing list_triggers(const std::string& pattern);

}  // namespace tracectl::cli
