// SPDX-License-Identifier: MIT
// A part of a capture's trace for a profile, so that the parts of all shards add up to the whole: docs/design/sharding.md.
//
// Units: bytes of trace, those of all selected streams one behind the other.
#pragma once

#include <cstdint>

#include "cli/capture_options.hpp"
#include "core/result.hpp"
#include "views/autofdo.hpp"

namespace tracectl::cli {

[[nodiscard]] uint64_t trace_bytes(const OpenCapture& capture, const CaptureOptions& options);

// Counts bytes `begin` to `end` into `profile`. True when something was lost.
// Errors: trace that cannot be decoded, or whose parts do not fit each other.
Result<bool> add_part(OpenCapture& capture, const CaptureOptions& options, uint64_t begin, uint64_t end,
                      views::AutoFdo& profile);

}  // namespace tracectl::cli
