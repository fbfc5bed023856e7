// SPDX-License-Identifier: MIT
// FlowWalk: events: where each belongs, and what it changes.
#include "backends/intel_pt/flow_walk.hpp"
#include "backends/intel_pt/insn.hpp"

namespace tracectl::intel_pt {

using decode::BranchKind;
using Type = TraceEvent::Type;
using What = PacketEvent::What;

// The next one, if one comes before any branch.
bool FlowWalk::fetch_event() {
  if (have_event_ || !packets_.event_pending()) return true;
  if (!packets_.event(event_)) return false;
  if (event_.aborted && packets_.quirks().late_abort) return false;
  have_event_ = true;
  direct_ = 0;
  event_time_ = event_.tsc;
  return true;
}

// It belongs to an instruction that is executed, which the address does not tell.
bool FlowWalk::synchronous() const {
  const PacketEvent& e = event_;
  if (e.type != Type::other) return false;
  return e.what == What::ptwrite || ((e.what == What::paging || e.what == What::vmcs) && !e.binds_async);
}

// Where a block ended, or an event: does another one belong here?
FlowWalk::Step FlowWalk::trailing() {
  if (!fetch_event()) return Step::unsure;
  if (!have_event_) return pass_postponed() ? status() : Step::unsure;
  if (event_.type == Type::disabled ? disabled_at_postponed() : synchronous() && (!enabled_ || binds_to_postponed()))
    return Step::event;
  if (!pass_postponed()) return Step::unsure;
  return binds_here() ? Step::event : Step::go;
}

bool FlowWalk::binds_here() const {
  const PacketEvent& e = event_;
  switch (e.type) {
    case Type::disabled:
      return false;
    case Type::async_disabled:
    case Type::async_branch:
      return ip_ == e.ip;
    case Type::exec_mode:
      return e.ip_suppressed || ip_ == e.ip;
    case Type::other:
      break;
    default:
      return true;
  }
  if (synchronous()) return !enabled_;
  const bool asleep = !enabled_ && (e.what == What::exstop || e.what == What::mwait);
  return e.what == What::stop || e.what == What::here || asleep || e.ip_suppressed || ip_ == e.ip;
}

// One event of a kind belongs to an instruction.
bool FlowWalk::binds_to_postponed() {
  const uint8_t bit = static_cast<uint8_t>(1u << static_cast<unsigned>(event_.what));
  if (!postponed_.is || (postponed_.bound & bit) != 0) return false;
  bool fits = false;
  if (event_.what == What::ptwrite)
    fits = event_.ip_suppressed && (postponed_.special & kPtwrites) != 0;
  else
    fits = postponed_.far || (postponed_.special & (event_.what == What::paging ? kWritesCr3 : kLoadsVmcs)) != 0;
  if (fits) postponed_.bound |= bit;
  return fits;
}

// The trace stops at the instruction, or behind it.
bool FlowWalk::disabled_at_postponed() {
  if (!postponed_.is) return false;
  if (event_.ip_suppressed && (postponed_.special & kWritesCr3) != 0) return true;
  ip_ = postponed_.far && (postponed_.special & kFarCall) == 0 ? 0 : postponed_.end;
  if (postponed_.far) return true;
  postponed_ = {};
  return !event_.ip_suppressed && ip_ == event_.to;
}

bool FlowWalk::pass_postponed() {
  if (!postponed_.is) return true;
  const Postponed at = postponed_;
  postponed_ = {};
  if (!enabled_) return true;
  ip_ = at.end;
  if (!at.far) return true;
  if (!packets_.tip(ip_)) return false;
  tick_waits_ = !have_event_ && tick_due();
  return true;
}

// Takes the event to the sink. What follows is read first, as libipt does: an error there takes the event with it.
FlowWalk::Step FlowWalk::take_event() {
  PacketEvent now = event_;
  // A decoder that begins at this PSB begins where the trace is now, unless the trace is damaged.
  const bool begins_here = now.alone && (now.psb_on ? enabled_ && now.psb_ip == ip_ : !enabled_);
  const bool first = now.of_psb && now.psb != seen_psb_;
  if (first) seen_psb_ = now.psb;
  if (first && begins_here && packets_.may_begin_at(now.psb)) {
    // What MTC and CYC add up to is not known to who begins here.
    if (now.psb >= stop_ && !packets_.time_adds_up()) {
      cut_ = now.psb;
      return Step::cut;
    }
    last_ = {now.psb, delivery_.mark()};
    stack_.mark();
  }
  if (!apply_event()) return Step::unsure;
  have_event_ = false;
  const Step after = trailing();
  if (after == Step::unsure) return after;
  if (now.type == Type::other) now.ip = now.to = 0;
  delivery_.on_event(now, packets_.offset());
  if (tick_waits_) tick();
  tick_waits_ = false;
  return after;
}

bool FlowWalk::apply_event() {
  const PacketEvent& e = event_;
  switch (e.type) {
    case Type::enabled:
      if (enabled_) return false;
      ip_ = e.ip;
      return enabled_ = true;
    case Type::async_disabled:
      // SKD022: then it may be another event.
      if (packets_.quirks().false_async && enabled_ && graph().at(ip_)->insns() == 1 &&
          graph().at(ip_)->kind() == BranchKind::far)
        return false;
      [[fallthrough]];
    case Type::async_branch:
      if (ip_ != e.ip || !enabled_) return false;
      if (e.type == Type::async_branch) ip_ = e.to;
      enabled_ = e.type == Type::async_branch;
      return true;
    case Type::disabled:
      if (!enabled_) return false;
      enabled_ = false;
      return true;
    case Type::overflow:
      enabled_ = !e.ip_suppressed;
      ip_ = e.ip_suppressed ? 0 : e.ip;
      return true;
    case Type::exec_mode:
      if (!e.ip_suppressed && ip_ != e.ip) return false;
      if (e.status_update && enabled_ && mode_ != kNoMode && mode_ != e.mode) return false;
      mode_ = e.mode;
      return true;
    case Type::other:
      if (e.what == What::stop) return !enabled_;
      return synchronous() || binds_here();
    default:
      return true;
  }
}

// To where the event belongs.
FlowWalk::Step FlowWalk::event_flow() {
  const PacketEvent& e = event_;
  off_ = off_ || (!enabled_ && !binds_here());
  // Code is walked in 64-bit mode only. Off, nothing is walked.
  if (enabled_ && mode_ != kLongMode && !binds_here()) return Step::unsure;
  switch (e.type) {
    case Type::disabled:
      return enabled_ ? to_disabled() : Step::unsure;
    case Type::async_disabled:
    case Type::async_branch:
      return to_address(e.ip, false);
    case Type::exec_mode:
      return e.ip_suppressed ? Step::event : to_address(e.ip, true);
    case Type::other:
      if (binds_here()) return Step::event;
      if (e.what == What::ptwrite) return to_ptwrite();
      if (synchronous()) return to_instruction(e.what == What::paging ? kWritesCr3 : kLoadsVmcs, true);
      return to_address(e.ip, e.what == What::paging || e.what == What::vmcs);
    default:
      return Step::event;
  }
}

void FlowWalk::tick() {
  TraceEvent e;
  e.type = Type::tick;
  packets_.set_branch_time(e);
  event_time_ = e.tsc;
  delivery_.on_event(e, packets_.offset());
}

}  // namespace tracectl::intel_pt
