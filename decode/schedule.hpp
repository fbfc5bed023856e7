// SPDX-License-Identifier: MIT
// Schedule: which program a stream is in, and from when on: the stream of a cpu goes from one
// thread to another, and any stream to another program at an exec.
//
// Built from SWITCH, SWITCH_CPU_WIDE, ITRACE_START and the execs of an ImageSet. The kernel writes
// "out" before it stops a thread's trace and "in" after it has started the next one's: between the
// two the next one's begins where the trace is enabled again, and at "in" where it never stopped.
// Units: ns of the perf clock. Order: turns ascend; the first one begins at 0.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/capture/reader.hpp"
#include "decode/image.hpp"

namespace tracectl::decode {

struct Turn {
  uint64_t time = 0;  // not before
  uint64_t sure = 0;  // from then on in any case
  int32_t pid = -1, tid = -1;
  const ImageTimeline* images = nullptr;  // never nullptr; lives as long as the ImageSet
};

// The turn of a trace that is enabled at `time`. `turns` is not empty.
[[nodiscard]] const Turn& turn_at(const std::vector<Turn>& turns, uint64_t time);

// How late the time that a trace tells may be.
inline constexpr uint64_t kSoon = 100'000'000;  // ns

[[nodiscard]] bool has_code(const ImageTimeline& images, uint64_t address);

// The turn of a trace that begins at `address` and whose time is that of turn `at` or soon behind: a cpu's trace that
// was resumed on its way out of the kernel may show its first code only after the next switch, and tells no
// time between. `at` itself where none of the next ones has code there.
[[nodiscard]] size_t turn_with_code(std::span<const Turn> turns, size_t at, uint64_t address);

// What one record says of a cpu.
struct SwitchRecord {
  enum class Kind : uint8_t { in, out, start };
  Kind kind = Kind::in;
  uint64_t time = 0;
  int32_t cpu = -1, pid = -1, tid = -1;
  int32_t next_pid = -1, next_tid = -1;  // out: who comes, where the record tells
};

class Schedule {
 public:
  static Schedule from_capture(const capture::Reader& reader);
  static Schedule from_records(std::vector<SwitchRecord> records);
  // `start`: the first time that the stream's trace tells; 0: unknown.
  [[nodiscard]] std::vector<Turn> of(const capture::AuxStream& stream, const ImageSet& images, uint64_t start) const;

 private:
  struct Run {
    uint64_t time = 0, sure = 0;
    int32_t pid = -1, tid = -1;
  };
  void add(const SwitchRecord& r, std::vector<Run>& runs, uint64_t& out_time) const;
  std::map<int32_t, std::vector<Run>> by_cpu_;
};

}  // namespace tracectl::decode
