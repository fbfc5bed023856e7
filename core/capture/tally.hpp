// SPDX-License-Identifier: MIT
// What a record says about loss: one place, for the writer and the reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/loss.hpp"

namespace tracectl::capture {

// Records whose body tally() looks at: the others need not be copied together.
[[nodiscard]] bool tells_loss(uint32_t type);
// AUX: one for each flag. LOST, LOST_SAMPLES: as many as it says.
void tally(uint32_t type, std::span<const std::byte> body, LossTotals& loss);

}  // namespace tracectl::capture
