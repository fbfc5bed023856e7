// SPDX-License-Identifier: MIT
// slice_of: a part of a stream as a stream, so that it is decoded without reading the rest.
//
// Units: bytes of what is kept of the stream, as StreamBytes joins it.
#pragma once

#include <cstdint>

#include "core/capture/reader.hpp"

namespace tracectl::decode {

// Bytes `begin` to `end`. At a run's begin (runs_of) decoding starts as it does in the whole stream; elsewhere with the
// first sync point.
[[nodiscard]] capture::AuxStream slice_of(const capture::AuxStream& stream, uint64_t begin, uint64_t end);

}  // namespace tracectl::decode
