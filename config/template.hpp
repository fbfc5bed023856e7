// SPDX-License-Identifier: MIT
// The plan that `tracectl new` writes: every key of the language, explained, at its default.
//
// Shape: a line that begins with "# " explains; one that begins with "#" and no blank is a
//        key that can be used by taking the "#" away.
#pragma once

#include <string>

namespace tracectl {

// `triggers` stands at the end, where [[trigger]] and [[window]] belong; when it is empty
// there are commented examples instead.
[[nodiscard]] std::string plan_template(const std::string& triggers);

}  // namespace tracectl
