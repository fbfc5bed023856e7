// SPDX-License-Identifier: MIT
#include "decode/seek.hpp"

#include <algorithm>

namespace tracectl::decode {
namespace {

struct Place {
  size_t last = 0;  // the last fragment that is known to begin in time,
  size_t late = 0;  // and the first that is known to begin too late
};

// Of the fragments from `low` on, which is taken to begin in time.
Place place_of(const capture::AuxStream& stream, size_t low, uint64_t when, const FragmentTime& time) {
  Place out{low, stream.fragments.size()};
  for (size_t high = out.late; out.last + 1 < high;) {
    const size_t middle = out.last + (high - out.last) / 2;
    size_t told = middle;
    uint64_t at = time(stream.fragments[told]);
    while (at == 0 && ++told < high) at = time(stream.fragments[told]);
    if (at != 0 && at <= when) {
      out.last = told;
    } else {
      high = middle;
      if (at != 0) out.late = told;
    }
  }
  return out;
}

}  // namespace

capture::AuxStream part_of(const capture::AuxStream& stream, uint64_t begin, uint64_t end, const FragmentTime& time) {
  const size_t count = stream.fragments.size();
  if (count < 2 || !stream.pieces.empty()) return stream;
  const size_t first = place_of(stream, 0, begin, time).last;
  // The first bytes of one that begins too late may still be in time.
  const size_t behind = std::min(count, place_of(stream, first, end, time).late + 1);
  capture::AuxStream out = stream;
  out.fragments.assign(stream.fragments.begin() + static_cast<long>(first),
                       stream.fragments.begin() + static_cast<long>(behind));
  out.size = 0;
  for (const auto& fragment : out.fragments) out.size += fragment.size;
  for (size_t i = 0; i < first; ++i) out.skipped += stream.fragments[i].size;
  if (first != 0) out.begin = out.fragments.front().aux_offset;
  return out;
}

}  // namespace tracectl::decode
