// SPDX-License-Identifier: MIT
// Sizes and durations as people write them: `4MiB`, `1.5ms`.
//
// Units: sizes are bytes (B, KiB, MiB, GiB; powers of 1024 only); durations are nanoseconds
//        (ns, us, ms, s, min, h).
// Shape: a decimal number, a unit, nothing between them. Fractions are allowed where the
//        result is a whole number of bytes or nanoseconds.
// Errors: the message names the text and what is wrong with it; the hint gives a legal form.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace tracectl {

[[nodiscard]] Result<uint64_t> parse_size(std::string_view text);
[[nodiscard]] Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

// The canonical text: the largest unit that keeps the number at 1 or more; it parses back to
// the same value.
[[nodiscard]] std::string print_size(uint64_t bytes);
// For people: "3.1 KiB", rounded.
[[nodiscard]] std::string human_size(uint64_t bytes);
[[nodiscard]] std::string print_duration(std::chrono::nanoseconds value);

}  // namespace tracectl
