// SPDX-License-Identifier: MIT
// PacketWalk: events, which wait for the packet that tells where they belong.
#include "backends/intel_pt/packet_walk.hpp"

namespace tracectl::intel_pt {

using Type = TraceEvent::Type;
using What = PacketEvent::What;

bool PacketWalk::event(PacketEvent& out) {
  if (bits_left_ != 0) return false;
  bool made = false;
  for (;;) {
    if (!event_next() || !one(out, made)) return false;
    if (made) keep_branch_time();
    if (!read_ahead()) return false;
    if (made) return true;
  }
}

// Takes in the packet that is next, or one of the events of it.
bool PacketWalk::one(PacketEvent& out, bool& made) {
  made = true;
  switch (next_) {
    case Next::tip:
      return on_tip(out, made);
    case Next::fup:
      return on_fup(out);
    case Next::pge:
      return on_pge(out);
    case Next::pgd:
      return on_pgd(out);
    case Next::psbend:
      return on_psbend(out);
    case Next::ovf:
      return for_psbend_.empty() ? on_overflow(out, made) : on_psbend(out);
    case Next::mode:
      return on_mode(out, made);
    case Next::cbr:
      return on_cbr(out);
    case Next::pip:
      return on_pip(out, made);
    case Next::vmcs:
      return on_vmcs(out, made);
    case Next::exstop:
      return on_exstop(out, made);
    case Next::mwait:
      return on_mwait(made);
    case Next::ptw:
      return on_ptw(out, made);
    case Next::stop:
    case Next::mnt:
      return on_here(out, true);
    case Next::pwre:
    case Next::pwrx:
      return on_here(out, false);
    default:
      return false;
  }
}

bool PacketWalk::on_tip(PacketEvent& out, bool& made) {
  size_t size = 0;
  if (!read_ip(size)) return false;
  made = for_tip_.take(out);
  if (made) {
    if (out.type == Type::async_branch) consume_ = true;
    set_ip(out, out.type != Type::async_branch);
    if (!for_tip_.empty() || !consume_) return true;
    consume_ = false;
  }
  pos_ += size;
  return true;
}

bool PacketWalk::on_fup(PacketEvent& out) {
  size_t size = 0;
  if (!read_ip(size) || !for_fup_.take(out)) return false;
  set_ip(out, true);
  if (out.type == Type::overflow && out.ip_suppressed) return false;
  // An abort is the way to a TIP too: the same FUP once more, as a branch.
  if (!out.aborted) consume_ = true;
  if (!for_fup_.empty() || !consume_) return true;
  consume_ = false;
  pos_ += size;
  return true;
}

bool PacketWalk::on_pge(PacketEvent& out) {
  size_t size = 0;
  if (!read_ip(size)) return false;
  if (!consume_) {
    out = {};
    out.type = Type::enabled;
    if (!last_ip(out.ip)) return false;
    set_time(out);
    consume_ = enabled_ = true;
  } else {
    // Only a mode may wait for it.
    if (!for_tip_.take(out) || out.type != Type::exec_mode) return false;
    set_ip(out, true);
  }
  if (!for_tip_.empty()) return true;
  consume_ = false;
  pos_ += size;
  return true;
}

bool PacketWalk::on_pgd(PacketEvent& out) {
  size_t size = 0;
  if (!read_ip(size)) return false;
  if (!for_tip_.take(out)) {
    out = {};
    out.type = Type::disabled;
    set_ip(out, false);
    set_time(out);
  } else if (out.type == Type::async_branch) {
    out.type = Type::async_disabled;
    set_ip(out, false);
  } else {
    out.ip_suppressed = true;
  }
  if (!for_tip_.empty()) return true;
  enabled_ = false;
  pos_ += size;
  return true;
}

bool PacketWalk::on_psbend(PacketEvent& out) {
  if (!for_psbend_.take(out)) return false;
  set_time(out);
  if (out.type != Type::cbr && out.what != What::here) set_ip(out, true);
  out.psb_on = last_ip(out.psb_ip);
  return true;
}

// MODE.Exec belongs to the TIP behind it, MODE.TSX to the FUP, where the trace is on.
bool PacketWalk::on_mode(PacketEvent& out, bool& made) {
  if (!have(fixed_size(Next::mode))) return false;
  const unsigned leaf = pos_[1] >> 5;
  if (leaf > 1) return false;
  made = leaf == 1 && !enabled_;
  if (made) out = {};
  PacketEvent* const e = made ? &out : leaf == 0 ? for_tip_.add() : for_fup_.add();
  if (e == nullptr) return false;
  e->type = leaf == 0 ? Type::exec_mode : Type::other;
  e->what = leaf == 0 ? What::none : What::tsx;
  e->ip_suppressed = made;
  e->mode = pos_[1] & 3;
  e->aborted = leaf == 1 && (pos_[1] & 2) != 0;
  set_time(*e);
  pos_ += fixed_size(Next::mode);
  return true;
}

bool PacketWalk::on_cbr(PacketEvent& out) {
  if (!have(fixed_size(Next::cbr)) || !time_.on_cbr(pos_[2], false)) return false;
  out = {};
  out.type = Type::cbr;
  set_time(out);
  pos_ += fixed_size(Next::cbr);
  return true;
}

// What belongs to no instruction.
bool PacketWalk::on_here(PacketEvent& out, bool timed) {
  if (!have(fixed_size(next_))) return false;
  out = {};
  out.what = next_ == Next::stop ? What::stop : What::here;
  if (timed) set_time(out);
  pos_ += fixed_size(next_);
  return true;
}

}  // namespace tracectl::intel_pt
