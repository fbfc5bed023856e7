// SPDX-License-Identifier: MIT
// LaterCode: the sections of a program that lie over others, to be taken in when a trace has come to their time.
//
// Units: ns of the perf clock. The ImageTimeline outlives it, unchanged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "decode/address_set.hpp"
#include "decode/image.hpp"

namespace tracectl::decode {

class LaterCode {
 public:
  LaterCode() = default;
  // `now(section)` for each that lies over nothing. Those that are not `wanted(section)` are as if they were not there.
  template <class Wanted, class Now>
  LaterCode(const ImageTimeline& images, Wanted&& wanted, Now&& now) {
    AddressSet present;
    for (const Section& s : images.sections) {
      if (!wanted(s)) continue;
      if (present.add(s.address, s.address + s.size))
        sections_.push_back(&s);
      else
        now(s);
    }
  }
  // When the next one is due.
  [[nodiscard]] uint64_t next() const { return next_ < sections_.size() ? sections_[next_]->time : ~uint64_t{0}; }
  const Section& take() { return *sections_[next_++]; }

 private:
  std::vector<const Section*> sections_;  // ascending time
  size_t next_ = 0;
};

}  // namespace tracectl::decode
