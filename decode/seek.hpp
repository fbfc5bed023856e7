// SPDX-License-Identifier: MIT
// Seek: the part of a stream that holds a span of time, so that one window of a long capture needs not all of it.
//
// A stream is kept in fragments; the first time that each tells is looked up by halving. The part begins with the last
// fragment that begins in time, and ends with the first one that begins too late: the others are left out. Nothing is
// left out of streams whose fragments tell no time, or that are made of pieces (CoreSight).
// Units: ns of the perf clock.
#pragma once

#include <cstdint>
#include <functional>

#include "core/capture/reader.hpp"

namespace tracectl::decode {

// The first time that a fragment tells; 0: none.
using FragmentTime = std::function<uint64_t(const capture::AuxFragment& fragment)>;

[[nodiscard]] capture::AuxStream part_of(const capture::AuxStream& stream, uint64_t begin, uint64_t end,
                                         const FragmentTime& time);

}  // namespace tracectl::decode
