// SPDX-License-Identifier: MIT
#include "backends/intel_pt/packet_walk.hpp"

#include <cstring>

namespace tracectl::intel_pt {

uint64_t PacketWalk::number(size_t from, size_t bytes) const {
  uint64_t out = 0;
  std::memcpy(&out, pos_ + from, bytes);
  return out;
}

// The IP of the packet here, which may be an update of the one before.
bool PacketWalk::read_ip(size_t& size) {
  const unsigned how = *pos_ >> kIpShift;
  if (kIpBytes[how] == 1 || !have(1 + kIpBytes[how])) return false;
  size = 1 + kIpBytes[how];
  suppressed_ = how == 0;
  if (!suppressed_) update_ip(how, number(1, kIpBytes[how]));
  return true;
}

bool PacketWalk::last_ip(uint64_t& ip) const {
  ip = ip_;
  return have_ip_ && !suppressed_;
}

// The last IP as the event's `ip`, or its `to`.
void PacketWalk::set_ip(TraceEvent& e, bool from) const {
  uint64_t ip = 0;
  e.ip_suppressed = !last_ip(ip);
  (from ? e.ip : e.to) = e.ip_suppressed ? 0 : ip;
}

bool PacketWalk::start(uint64_t offset, uint64_t& ip, bool& enabled) {
  pos_ = begin_ + offset;
  consume_ = enabled_ = branch_known_ = time_adds_up_ = false;
  bits_left_ = 0;
  branch_time_ = 0;
  forget_ip();
  time_.forget();
  for_tip_.clear();
  for_fup_.clear();
  for_psbend_.clear();
  fetch();
  if (next_ != Next::psb || !read_header()) return false;
  enabled = last_ip(ip);
  if (!read_ahead()) return false;
  // A FUP that does not belong to the PSB+ would switch libipt on.
  uint64_t later = 0;
  return enabled || !last_ip(later);
}

// Up to a packet that tells of a branch or an event. What the end of the trace cuts off is as good as not there.
bool PacketWalk::read_ahead() {
  for (;;) {
    fetch();
    if (next_ == Next::tnt8 || next_ == Next::tip || next_ == Next::tnt64 || next_ == Next::end || event_next()) return true;
    cut_ = false;
    if (read_status()) continue;
    if (!cut_) return false;
    for_psbend_.clear();
    pos_ = end_;
    next_ = Next::end;
    return true;
  }
}

// Takes in a packet that is neither.
bool PacketWalk::read_status() {
  switch (next_) {
    case Next::pad:
      ++pos_;
      return true;
    case Next::fup:
      return read_fup();
    case Next::psb:
      return read_header();
    case Next::psbend:
      pos_ += fixed_size(Next::psbend);
      return true;
    default:
      return read_time(false);
  }
}

bool PacketWalk::read_time(bool in_psb) {
  time_adds_up_ = time_adds_up_ || next_ == Next::mtc || next_ == Next::cyc;
  if (next_ == Next::cyc) {
    const CycPacket cyc = read_cyc(pos_, end_);
    cut_ = cyc.kind == Next::end;
    if (cyc.kind != Next::cyc) return false;
    // SKD007: an OVF behind the first byte of a CYC that was to be longer.
    constexpr uint64_t kLikeExtended = 0x20, kFirstBits = 0x1f;
    constexpr uint8_t kOverflow = 0xf3;
    if (quirks_.cut_cycles && cyc.size == 2 && (cyc.cycles & ~kFirstBits) == kLikeExtended && end_ - pos_ > 2 &&
        pos_[2] == kOverflow) {
      ++pos_;
      return true;
    }
    pos_ += cyc.size;
    return time_.on_cyc(cyc.cycles);
  }
  const size_t size = fixed_size(next_);
  bool good = false;
  switch (next_) {
    case Next::tsc:
      good = have(size) && time_.on_tsc(number(1, size - 1), in_psb);
      break;
    case Next::mtc:
      good = have(size) && time_.on_mtc(pos_[1]);
      break;
    case Next::tma:
      good = have(size) && packet_at(pos_, end_).kind == Next::tma &&
             time_.on_tma(static_cast<uint16_t>(number(2, 2)), static_cast<uint16_t>(number(5, 2)));
      break;
    default:
      break;
  }
  pos_ += good ? size : 0;
  return good;
}

// A FUP by itself is the place of an interrupt, and the TIP behind it tells where to.
bool PacketWalk::read_fup() {
  size_t size = 0;
  if (!read_ip(size)) return false;
  PacketEvent* const e = for_tip_.add();
  if (e == nullptr) return false;
  e->type = TraceEvent::Type::async_branch;
  if (!last_ip(e->ip)) return false;
  set_time(*e);
  pos_ += size;
  return true;
}

bool PacketWalk::load_bits() {
  if ((next_ != Next::tnt8 && next_ != Next::tnt64) || !have(fixed_size(next_))) return false;
  const TntBits tnt = tnt_bits(next_, pos_);
  if (tnt.left == 0) return false;
  bits_ = tnt.bits;
  bits_left_ = tnt.left;
  pos_ += fixed_size(next_);
  keep_branch_time();
  return read_ahead();
}

bool PacketWalk::tip(uint64_t& ip) {
  size_t size = 0;
  if (!tip_next() || !read_ip(size) || !last_ip(ip)) return false;
  pos_ += size;
  keep_branch_time();
  return read_ahead();
}

}  // namespace tracectl::intel_pt
