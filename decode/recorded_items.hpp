// SPDX-License-Identifier: MIT
// RecordedItems: items kept for later, as several threads decode parts of a trace that are told in order.
//
// Blocks that stay where they are (on_lasting) are kept as a span, others are copied. Whoever owns the lasting ones is
// kept alive through keep().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "decode/item.hpp"

namespace tracectl::decode {

class RecordedItems final : public ItemSink {
 public:
  explicit RecordedItems(bool counted) : counted_(counted) {}

  bool on_block(const Stamp& stamp, const Block& block) override {
    add(stamp, Kind::blocks, copied(block), 1);
    return true;
  }
  bool on_blocks(const Stamp& stamp, std::span<const Block> blocks) override {
    for (const Block& block : blocks) (void)on_block(stamp, block);
    return true;
  }
  bool on_lasting(const Stamp& stamp, std::span<const Block> blocks) override {
    add(stamp, Kind::blocks, blocks.data(), blocks.size());
    return true;
  }
  [[nodiscard]] bool counts_only() const override { return counted_; }
  // More than one are lasting ones.
  void on_counted(const Stamp& stamp, std::span<const Block> blocks, uint64_t times) override {
    add(stamp, Kind::counted, blocks.size() == 1 ? copied(blocks[0]) : blocks.data(), blocks.size());
    times_.push_back(times);
  }
  bool on_event(const Stamp& stamp, const Event& event) override {
    add(stamp, Kind::event, nullptr, 0);
    events_.push_back(event);
    return true;
  }
  bool on_loss(const Stamp& stamp, const Loss& loss) override {
    add(stamp, Kind::loss, nullptr, 0);
    losses_.push_back(loss);
    return true;
  }
  // The block that was held back when the recording began is known to have gone to `to`, if `known`.
  void on_before(const Stamp& stamp, uint64_t to, bool known) {
    add(stamp, Kind::before, nullptr, 0);
    before_.push_back({to, known});
  }
  void keep(std::shared_ptr<const void> owner) { owners_.push_back(std::move(owner)); }

  // Nothing is recorded any more; the memory stays.
  void clear() {
    entries_.clear();
    stamps_.clear();
    copied_ = 0;
    times_.clear();
    events_.clear();
    losses_.clear();
    before_.clear();
    owners_.clear();
  }

  // Everything, in order; `before(stamp, to, known)` for on_before(). False: the sink wants no more.
  template <class Before>
  bool replay(ItemSink& sink, Before&& before) const;

 private:
  enum class Kind : uint8_t { blocks, counted, event, loss, before };
  struct Entry {
    uint64_t offset = 0;  // of its stamp
    const Block* blocks = nullptr;
    uint32_t size = 0;
    uint32_t kind : 3 = 0, stamp : 29 = 0;  // stamp: in stamps_, whose offset is another one
  };
  struct Known {
    uint64_t to;
    bool known;
  };

  void add(const Stamp& stamp, Kind kind, const Block* blocks, size_t size) {
    if (stamps_.empty() || !same(stamp, stamps_.back())) stamps_.push_back(stamp);
    Entry entry{stamp.offset, blocks, static_cast<uint32_t>(size)};
    entry.kind = static_cast<uint32_t>(kind) & 7u;
    entry.stamp = static_cast<uint32_t>(stamps_.size() - 1) & 0x1fffffffu;
    entries_.push_back(entry);
  }
  const Block* copied(const Block& block) {
    constexpr size_t kRoom = 1024;
    if (copied_ == copies_.size() * kRoom) copies_.push_back(std::make_unique<Block[]>(kRoom));
    Block& out = copies_[copied_ / kRoom][copied_ % kRoom];
    ++copied_;
    out = block;
    return &out;
  }
  static bool same(const Stamp& a, const Stamp& b) {
    return a.time == b.time && a.turn == b.turn && a.tid == b.tid && a.pid == b.pid && a.cpu == b.cpu;
  }

  bool counted_;
  std::vector<Entry> entries_;
  std::vector<Stamp> stamps_;
  std::vector<std::unique_ptr<Block[]>> copies_;
  size_t copied_ = 0;
  std::vector<uint64_t> times_;
  std::vector<Event> events_;
  std::vector<Loss> losses_;
  std::vector<Known> before_;
  std::vector<std::shared_ptr<const void>> owners_;
};

template <class Before>
bool RecordedItems::replay(ItemSink& sink, Before&& before) const {
  size_t counted = 0, event = 0, loss = 0, known = 0;
  bool go = true;
  for (size_t i = 0; go && i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    Stamp stamp = stamps_[entry.stamp];
    stamp.offset = entry.offset;
    const std::span<const Block> blocks(entry.blocks, entry.size);
    switch (static_cast<Kind>(entry.kind)) {
      case Kind::blocks:
        go = sink.on_blocks(stamp, blocks);
        break;
      case Kind::counted:
        sink.on_counted(stamp, blocks, times_[counted++]);
        break;
      case Kind::event:
        go = sink.on_event(stamp, events_[event++]);
        break;
      case Kind::loss:
        go = sink.on_loss(stamp, losses_[loss++]);
        break;
      case Kind::before:
        go = before(stamp, before_[known].to, before_[known].known);
        ++known;
        break;
    }
  }
  return go;
}

}  // namespace tracectl::decode
