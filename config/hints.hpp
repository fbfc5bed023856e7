// SPDX-License-Identifier: MIT
// Hints for mistakes that people make in plans: what was most likely meant.
#pragma once

#include <string>
#include <vector>

#include "config/value.hpp"

namespace tracectl {

// What to write instead of a value of the wrong type. `values`: what `key` takes, as read_plan.cpp has it; "" when
// nothing better than that is known.
[[nodiscard]] std::string type_hint(const std::string& key, const std::string& values, const Value& value);

// The one of `names` that was meant by `word`: by spelling, or because others call it so ("stop" is pause);
// "" when none comes to mind.
[[nodiscard]] std::string meant_word(const std::string& word, const std::vector<std::string>& names);

// "NAME belongs in [trace]" for a key that stands in the wrong table; "" when no table has it.
[[nodiscard]] std::string elsewhere_hint(const std::string& key);

}  // namespace tracectl
