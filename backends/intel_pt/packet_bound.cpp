// SPDX-License-Identifier: MIT
// PacketWalk: events that another packet may place: address spaces, overflows, waits, PTWRITE.
#include "backends/intel_pt/packet_walk.hpp"

namespace tracectl::intel_pt {

using Type = TraceEvent::Type;
using What = PacketEvent::What;

bool PacketWalk::on_pip(PacketEvent& out, bool& made) {
  if (!have(fixed_size(Next::pip))) return false;
  const bool bound = for_tip_.find([](const PacketEvent& e) { return e.type == Type::async_branch; }) != nullptr;
  PacketEvent* const e = bound ? for_tip_.add() : &out;
  if (e == nullptr) return false;
  *e = {};
  e->what = What::paging;
  e->binds_async = bound;
  set_time(*e);
  made = !bound;
  pos_ += fixed_size(Next::pip);
  return true;
}

bool PacketWalk::on_vmcs(PacketEvent& out, bool& made) {
  if (!have(fixed_size(Next::vmcs))) return false;
  PacketEvent* const paging = for_tip_.find([](const PacketEvent& e) { return e.what == What::paging; });
  const bool branch = for_tip_.find([](const PacketEvent& e) { return e.type == Type::async_branch; }) != nullptr;
  made = paging == nullptr && !branch;
  PacketEvent* const e = made ? &out : for_tip_.add();
  if (e == nullptr) return false;
  *e = {};
  e->what = What::vmcs;
  e->binds_async = !made;
  if (made) set_time(*e);
  // It comes in front of the paging event, whose time it has.
  if (paging != nullptr) {
    *e = *paging;
    paging->what = What::vmcs;
  }
  pos_ += fixed_size(Next::vmcs);
  return true;
}

// Those of a PTWRITE, EXSTOP or MWAIT have no time of their own.
bool PacketWalk::on_exstop(PacketEvent& out, bool& made) {
  if (!have(fixed_size(Next::exstop))) return false;
  made = (pos_[1] & kWithIp) == 0;
  PacketEvent* const e = made ? &out : for_fup_.add();
  if (e == nullptr) return false;
  *e = {};
  e->what = What::exstop;
  e->ip_suppressed = made;
  pos_ += fixed_size(Next::exstop);
  return true;
}

bool PacketWalk::on_mwait(bool& made) {
  made = false;
  if (!have(fixed_size(Next::mwait))) return false;
  PacketEvent* const e = for_fup_.add();
  if (e == nullptr) return false;
  e->what = What::mwait;
  pos_ += fixed_size(Next::mwait);
  return true;
}

bool PacketWalk::on_ptw(PacketEvent& out, bool& made) {
  const Packet packet = packet_at(pos_, end_);
  if (packet.kind != Next::ptw) return false;
  made = (pos_[1] & kWithIp) == 0;
  PacketEvent* const e = made ? &out : for_fup_.add();
  if (e == nullptr) return false;
  *e = {};
  e->what = What::ptwrite;
  e->ip_suppressed = made;
  pos_ += packet.size;
  return true;
}

// Nothing in front of it counts any more but the time.
bool PacketWalk::on_overflow(PacketEvent& out, bool& made) {
  consume_ = enabled_ = false;
  forget_ip();
  for_tip_.clear();
  for_fup_.clear();
  time_.on_overflow();
  pos_ += fixed_size(Next::ovf);
  const Resumes resumes = behind_overflow();
  if (resumes == Resumes::unsure) return false;
  enabled_ = resumes == Resumes::on;
  made = !enabled_;
  PacketEvent* const e = made ? &out : for_fup_.add();
  *e = {};
  e->type = Type::overflow;
  e->ip_suppressed = made;
  set_time(*e);
  return true;
}

// On: a FUP follows, behind nothing but time.
PacketWalk::Resumes PacketWalk::behind_overflow() const {
  for (const uint8_t* at = pos_;;) {
    const Packet p = packet_at(at, end_);
    switch (p.kind) {
      case Next::fup:
        return quirks_.extra_fup ? Resumes::unsure : Resumes::on;
      case Next::pad:
      case Next::mnt:
      case Next::cbr:
      case Next::tsc:
      case Next::tma:
      case Next::mtc:
      case Next::cyc:
        at += p.size;
        break;
      case Next::psbend:
      case Next::tip:
      case Next::pgd:
      case Next::tnt8:
      case Next::tnt64:
      case Next::unknown:
        return Resumes::unsure;
      default:
        return quirks_.lost_fup ? Resumes::unsure : Resumes::off;
    }
  }
}

}  // namespace tracectl::intel_pt
