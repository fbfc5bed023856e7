// SPDX-License-Identifier: MIT
// ThreadTurns: turns of threads that a trace itself names, in place of those that records tell (Schedule).
//
// Units: ns of the perf clock.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "decode/image.hpp"
#include "decode/schedule.hpp"

namespace tracectl::decode {

class ThreadTurns {
 public:
  // `images` outlives it.
  explicit ThreadTurns(const ImageSet& images) : images_(images) {}
  // What `tid` runs at `time`. It lives as long as this. A thread that no record tells of has the kernel's code only.
  const Turn& of(int32_t tid, uint64_t time) {
    const int32_t pid = images_.pid_of(tid);
    const ImageTimeline& images = images_.at(pid, time);
    return known_.try_emplace({tid, &images}, Turn{0, 0, pid, tid, &images}).first->second;
  }

 private:
  const ImageSet& images_;
  std::map<std::pair<int32_t, const ImageTimeline*>, Turn> known_;
};

}  // namespace tracectl::decode
