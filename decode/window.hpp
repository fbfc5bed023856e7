// SPDX-License-Identifier: MIT
// Windows: the resume→pause intervals of a capture, from the samples of its triggers.
//
// A thread starts paused or running, as the leader's aux_start_paused says. A resume opens
// a window only when it finds the thread paused, a pause closes it only when it finds it
// running: both are idempotent, as in the kernel. ITRACE_START of a thread that was known
// already (a new program after exec) starts over.
//
// Units: ns of the perf clock. A block belongs to a window when begin < time <= end.
// Order: windows are numbered from 1 by the time of their begin.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/capture/reader.hpp"
#include "decode/capture_facts.hpp"

namespace tracectl::decode {

struct Window {
  int name = 0;  // index into WindowSet::names()
  int32_t pid = -1, tid = -1, cpu = -1;
  uint64_t begin = 0, end = 0;  // end: of the last trigger or record when the window is open
  bool open = false;            // no pause came
  uint64_t number = 0;          // from 1
};

// What one sample or record means to the windows.
struct Hit {
  enum class Kind : uint8_t { resume, pause, start };
  Kind kind = Kind::start;
  uint64_t time = 0;
  int32_t pid = -1, tid = -1, cpu = -1;
  int name = 0;  // of the window that a resume would open
};

class WindowSet {
 public:
  static WindowSet from_capture(const capture::Reader& reader, const CaptureFacts& facts);
  // `by_cpu`: the streams are of cpus, so each cpu has its own state.
  static WindowSet from_hits(std::vector<Hit> hits, std::vector<std::string> names, bool start_paused, bool by_cpu = false);

  [[nodiscard]] const std::vector<Window>& all() const { return windows_; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] uint64_t open_count() const;
  // The trace begins paused, and something resumes it: what is in no window should not be there.
  [[nodiscard]] bool between_paused() const { return start_paused_ && !names_.empty(); }
  // The window of a thread (or cpu) that holds `time`, or nullptr.
  [[nodiscard]] const Window* at(int32_t tid, int32_t cpu, uint64_t time) const;

 private:
  std::vector<Window> windows_;  // by number
  std::vector<std::string> names_;
  std::map<int32_t, std::vector<uint32_t>> lane_;  // by tid or cpu: indices, ascending begin
  bool by_cpu_ = false, start_paused_ = false;
};

}  // namespace tracectl::decode
