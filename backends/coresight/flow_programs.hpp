// SPDX-License-Identifier: MIT
// FlowPrograms: the graphs of a capture's programs, each with the code of the time to which its trace has come.
//
// Units: ns of the perf clock. Errors: nullptr where code lies under a section whose bytes are not here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "decode/flow_paths.hpp"
#include "decode/image.hpp"
#include "decode/later_code.hpp"

namespace tracectl::coresight {

class FlowPrograms {
 public:
  explicit FlowPrograms(decode::ReadInsn read) : read_(read) {}
  // Who gets what was counted, of every program.
  void count_for(decode::FlowPaths::Give give) { give_ = std::move(give); }

  struct Use {
    decode::FlowCode* code = nullptr;
    uint64_t until = 0;  // up to then it is the same
  };
  // `images` outlives it, unchanged. No node or path that was got of them before is good any more.
  Use use(const decode::ImageTimeline& images, uint64_t time);

 private:
  struct Known {
    std::unique_ptr<decode::FlowCode> code;
    decode::LaterCode later;
    uint64_t reached = 0;  // time of the last one that was added
    bool hidden = false;
  };
  void begin(Known& known, const decode::ImageTimeline& images);
  [[nodiscard]] bool here(const decode::Section& section);
  decode::ReadInsn read_;
  decode::FlowPaths::Give give_;
  decode::CodeFiles files_;
  std::map<const decode::ImageTimeline*, Known> known_;
};

}  // namespace tracectl::coresight
