// SPDX-License-Identifier: MIT
// parse: plan text to Plan. Every error of the text is reported, not only the first.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/diagnostics.hpp"
#include "core/plan.hpp"

namespace tracectl {

// The Plan holds what could be read even when there were errors; nullopt when parts of the
// text could not be read as TOML at all, for what a plan lacks is then not known.
[[nodiscard]] std::optional<Plan> parse_plan(const std::shared_ptr<const SourceText>& source, Diagnostics& diagnostics);

// A key of the plan given on the command line, read as it would be in a plan file.
struct OptionValue {
  std::string key;
  std::string text;
  SourceRef at;
};
// `table` is "trace" or "buffer", whose keys are set over what the plan says, or "trigger" or
// "window", which gain one element that stands at `at`.
void read_option(Plan& plan, const std::string& table, const SourceRef& at, const std::vector<OptionValue>& values,
                 Diagnostics& diagnostics);

// One key of the language, as the parser knows it.
struct KeyInfo {
  std::string table;  // "", "target", "trace.intel_pt", "trigger", ...
  std::string key;
  std::string values;  // as messages name them: "a size such as \"4MiB\""
};
[[nodiscard]] std::vector<KeyInfo> plan_keys();

}  // namespace tracectl
