// SPDX-License-Identifier: MIT
// Trigger hits: the samples of a capture that its triggers wrote, one after the other. What
// they mean for windows is decode/window.hpp's.
//
// Order: that of the file, which is not always that of time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/capture/reader.hpp"
#include "decode/capture_facts.hpp"

namespace tracectl::decode {

struct TriggerHit {
  uint64_t time = 0;  // ns of the perf clock
  int32_t pid = -1, tid = -1, cpu = -1;
  uint64_t ip = 0;   // where the program was; 0 when the sample does not say
  std::string name;  // of the trigger; else what it is on, else the event's
  Action action = Action::resume;
};

void for_each_trigger_hit(const capture::Reader& reader, const CaptureFacts& facts,
                          const std::function<void(const TriggerHit&)>& fn);

}  // namespace tracectl::decode
