// SPDX-License-Identifier: MIT
#include "backends/coresight/flow_programs.hpp"

#include "backends/coresight/flow_insn.hpp"

namespace tracectl::coresight {

bool FlowPrograms::here(const decode::Section& s) {
  if (s.file.empty()) return false;
  const uint64_t size = files_.of(s.file).size();
  return s.file_offset <= size && s.size <= size - s.file_offset;
}

// With what lay there before anything else did.
void FlowPrograms::begin(Known& known, const decode::ImageTimeline& images) {
  known = {};
  known.code = std::make_unique<decode::FlowCode>(files_, read_, kA64Rules);
  known.code->paths.harvest_to([this](std::span<const decode::Block> blocks, uint64_t times) {
    if (give_) give_(blocks, times);
  });
  const auto wanted = [](const decode::Section&) { return true; };
  known.later = decode::LaterCode(images, wanted, [&known](const decode::Section& s) {
    if (!s.file.empty()) known.code->add(s);
  });
}

FlowPrograms::Use FlowPrograms::use(const decode::ImageTimeline& images, uint64_t time) {
  Known& known = known_[&images];
  // A trace of another cpu, or a damaged one, may be of an earlier time.
  if (known.code == nullptr || time < known.reached) begin(known, images);
  while (known.later.next() <= time) {
    const decode::Section& section = known.later.take();
    known.reached = section.time;
    if (here(section))
      known.code->add(section);
    else
      known.hidden = true;
  }
  return {known.hidden ? nullptr : known.code.get(), known.later.next()};
}

}  // namespace tracectl::coresight
