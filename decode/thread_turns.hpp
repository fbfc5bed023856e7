// SPDX-License-Identifier: MIT
// ThreadTurns: turns of threads that a trace itself names, in place of those that records tell (Schedule).
//
// Units: ns of the perf clock.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

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
  // The same where the program has code at `address`, else that of the thread's next program which has: behind an exec
  // the trace shows the new one's first code before it tells a time. `latest`: the trace has told no time yet, so that
  // `time` is one behind it: then it may be an earlier program too.
  const Turn& with_code(int32_t tid, uint64_t time, uint64_t address, bool latest) {
    const Turn& now = of(tid, time);
    if (has_code(*now.images, address)) return now;
    const std::vector<uint64_t> begins = images_.begins(now.pid);
    const auto fits = [&](uint64_t begin) { return has_code(images_.at(now.pid, begin), address); };
    for (const uint64_t begin : begins)
      if (begin > time && fits(begin)) return of(tid, begin);  // however late: it may have slept in front of its exec
    for (auto at = begins.rbegin(); latest && at != begins.rend(); ++at)
      if (*at < time && fits(*at)) return of(tid, *at);
    return now;
  }

 private:
  const ImageSet& images_;
  std::map<std::pair<int32_t, const ImageTimeline*>, Turn> known_;
};

}  // namespace tracectl::decode
