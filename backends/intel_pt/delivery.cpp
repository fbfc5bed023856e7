// SPDX-License-Identifier: MIT
#include "backends/intel_pt/delivery.hpp"

#include <algorithm>

namespace tracectl::intel_pt {
namespace {

using decode::Event;
using Type = TraceEvent::Type;

Event described(const TraceEvent& e) {
  Event out;
  const auto set = [&](Event::Kind kind, const char* name, uint64_t ip, uint64_t to) {
    out.kind = kind;
    out.name = name;
    out.ip = ip;
    out.to = to;
  };
  switch (e.type) {
    case Type::enabled:
      set(Event::Kind::enabled, "enabled", e.ip, 0);
      break;
    case Type::disabled:
      set(Event::Kind::disabled, "disabled", 0, e.to);
      break;
    case Type::async_disabled:
      set(Event::Kind::async_disabled, "async_disabled", e.ip, e.to);
      break;
    case Type::async_branch:
      set(Event::Kind::async_branch, "async_branch", e.ip, e.to);
      break;
    case Type::overflow:
      set(Event::Kind::overflow, "overflow", e.ip, 0);
      break;
    case Type::exec_mode:
      set(Event::Kind::exec_mode, "exec_mode", e.ip, 0);
      break;
    default:
      set(Event::Kind::other, "other", 0, 0);
      break;
  }
  return out;
}

}  // namespace

void Delivery::use(Programs& programs) {
  programs_ = &programs;
  next_change_ = programs.next_change();
  set_turn();
}

void Delivery::go_back(const Mark& mark, Programs& programs) {
  skip_insns_ += insns_ - mark.insns;
  skip_events_ += events_ - mark.events;
  insns_ = mark.insns;
  events_ = mark.events;
  stamp_ = mark.stamp;
  held_ = mark.held;
  holding_ = mark.holding;
  programs.move_to(mark.position);
  use(programs);
}

void Delivery::hand_over(Programs& programs) {
  programs.move_to(programs_->position());
  use(programs);
}

void Delivery::begin_part(Part& part, Programs& programs) {
  recording_ = &part;
  sink_ = &part.items;
  counting_ = part.items.counts_only();
  const int32_t cpu = stamp_.cpu;
  stamp_ = {};
  stamp_.cpu = cpu;
  held_ = {};
  holding_ = go_ = in_order_ = true;
  begun_block_ = false;
  insns_ = events_ = 0;
  use(programs);
}

void Delivery::end_part(Part& part) {
  part.end = mark();
  part.held_from_before = !begun_block_;
  part.in_order = in_order_;
}

// The sink is told of it when the part is adopted.
void Delivery::flush_before(uint64_t to, bool known) {
  begun_block_ = true;
  recording_->items.on_before(stamp_, to, known);
}

bool Delivery::fits(const Part& part) const {
  if (!part.begin) return false;
  const Programs::Position here = programs_->position();
  const uint64_t time = part.begin->stamp.time;
  return here.turn <= part.begin->position.turn && here.time <= time && (time != 0 || stamp_.time == 0);
}

void Delivery::adopt(const Part& part) {
  go_ = part.items.replay(*sink_, [this](const decode::Stamp& stamp, uint64_t to, bool known) {
    stamp_ = stamp;
    flush(to, known);
    return go_;
  });
  insns_ += part.end.insns;
  events_ += part.end.events;
  stamp_ = part.end.stamp;
  in_order_ = part.in_order;
  if (!part.held_from_before) {
    held_ = part.end.held;
    holding_ = part.end.holding;
  }
  programs_->move_to(part.end.position);
  use(*programs_);
}

// Both decoders end a block at the same instructions, but libipt may cut it once more.
void Delivery::skip_block(const decode::Block& block) {
  const uint64_t n = std::min<uint64_t>(block.insns, skip_insns_);
  disagrees_ |= n != block.insns;
  insns_ += n;
  skip_insns_ -= n;
}

void Delivery::deliver(std::span<const decode::Block> blocks) {
  while (skip_insns_ != 0 && !blocks.empty()) {
    skip_block(blocks.front());
    blocks = blocks.subspan(1);
  }
  for (const decode::Block& block : blocks) insns_ += block.insns;
  if (go_ && !blocks.empty()) go_ = sink_->on_blocks(stamp_, blocks);
}

bool Delivery::settle() {
  const bool agree = !owes() && !disagrees_;
  skip_insns_ = skip_events_ = 0;
  disagrees_ = false;
  return agree;
}

void Delivery::set_time(const TraceEvent& e) {
  const uint64_t now = e.has_tsc ? facts_.perf_time(e.tsc) : stamp_.time;
  const bool enabled = e.type == Type::enabled, late = e.has_tsc && now >= next_change_;
  // What was counted belongs to the time before.
  if (late) programs_->advance(now, enabled);
  stamp_.time = now;
  const bool moved = enabled && !e.ip_suppressed && programs_->begin_at(e.ip);
  if (late || moved) use(*programs_);
}

void Delivery::set_turn() {
  stamp_.turn = &programs_->turn();
  stamp_.pid = stamp_.turn->pid;
  stamp_.tid = stamp_.turn->tid;
}

void Delivery::on_event(const TraceEvent& e, uint64_t offset) {
  // Only these tell or end what the held block did; a tick or a mode says nothing of it.
  if (!e.status_update) {
    if (e.type == Type::disabled) flush(e.to, !e.ip_suppressed);
    if (e.type == Type::async_disabled || e.type == Type::async_branch) flush(e.ip, true);
    if (e.type == Type::enabled || e.type == Type::overflow) flush(0, false);
  }
  if (!go_) return;
  set_time(e);
  if (e.type == Type::tick || e.type == Type::cbr) return;
  stamp_.offset = offset;
  in_order_ = true;
  if (recording_ != nullptr && !recording_->begin) recording_->begin = mark();
  ++events_;
  if (skip_events_ != 0) {
    --skip_events_;
    return;
  }
  go_ = sink_->on_event(stamp_, described(e));
}

void Delivery::lose(uint64_t offset, uint64_t bytes, const char* what) {
  stamp_.offset = offset;
  go_ = sink_->on_loss(stamp_, {LossKind::undecodable, held_.last, bytes, what});
}

}  // namespace tracectl::intel_pt
