// SPDX-License-Identifier: MIT
#include "backends/coresight/code.hpp"

#include <algorithm>
#include <cstring>

namespace tracectl::coresight {

Code::Program::Program(const decode::ImageTimeline& images) : sections(images) {
  for (const auto& section : images.sections) times.push_back(section.time);
  std::sort(times.begin(), times.end());
}

void Code::use(const decode::ImageTimeline& images, uint64_t time) {
  const bool same = &images == images_;
  if (same && time >= time_ && time < next_) {
    time_ = time;
    return;
  }
  if (!same) {
    images_ = &images;
    auto& known = programs_[&images];
    if (known == nullptr) known = std::make_unique<Program>(images);
    program_ = known.get();
  }
  time_ = time;
  const auto next = std::upper_bound(program_->times.begin(), program_->times.end(), time);
  next_ = next == program_->times.end() ? ~uint64_t{0} : *next;
  slots_.fill({});
}

const Code::Slot& Code::slot_of(uint64_t address) {
  Slot& slot = slots_[address / kPage % kSlots];
  if (address >= slot.begin && address < slot.end) return slot;
  const decode::Section* section = program_ == nullptr ? nullptr : program_->sections.find(address, time_);
  slot = {};
  if (section == nullptr || section->file.empty()) return slot;
  const auto bytes = files_.of(section->file);
  if (section->file_offset >= bytes.size()) return slot;
  const uint64_t size = std::min<uint64_t>(section->size, bytes.size() - section->file_offset);
  const uint64_t page = address / kPage * kPage;
  const uint64_t from = std::max(page, section->address) - section->address;
  const uint64_t to = std::min(page + (kPage - 1) - section->address + 1, size);
  if (address - section->address >= to) return slot;
  slot = {section->address + from, section->address + to, bytes.data() + section->file_offset + from};
  return slot;
}

uint32_t Code::read(uint64_t address, std::span<uint8_t> out) {
  size_t done = 0;
  while (done < out.size()) {
    const uint64_t at = address + done;
    const Slot& slot = slot_of(at);
    if (at < slot.begin || at >= slot.end) break;
    const size_t n = std::min<uint64_t>(out.size() - done, slot.end - at);
    std::memcpy(out.data() + done, slot.bytes + (at - slot.begin), n);
    done += n;
  }
  return static_cast<uint32_t>(done);
}

}  // namespace tracectl::coresight
