// SPDX-License-Identifier: MIT
// PacketWalk: what a PSB+ tells.
#include "backends/intel_pt/packet_walk.hpp"
#include "backends/intel_pt/sync.hpp"

namespace tracectl::intel_pt {

using Type = TraceEvent::Type;
using What = PacketEvent::What;

PacketEvent* PacketWalk::queue_header(Type type, What what) {
  PacketEvent* const e = for_psbend_.add();
  if (e == nullptr) return nullptr;
  e->type = type;
  e->what = what;
  e->binds_async = true;
  e->status_update = what != What::here;
  e->of_psb = true;
  e->psb = psb_;
  e->alone = for_tip_.empty() && for_fup_.empty() && !consume_;
  return e;
}

// Where a PSB+ begins; stops at its PSBEND, or at the overflow that ends it.
bool PacketWalk::read_header() {
  psb_ = offset();
  if (!have(kPsbSize) || find_psb({reinterpret_cast<const std::byte*>(pos_), kPsbSize}, 0) != 0) return false;
  pos_ += kPsbSize;
  time_.on_psb();
  forget_ip();
  for (;;) {
    fetch();
    if (next_ == Next::psbend || next_ == Next::ovf) return true;
    cut_ = next_ == Next::end;
    if (!header_packet()) return false;
  }
}

bool PacketWalk::header_fup(size_t& size) {
  if (quirks_.false_fup && !enabled_) {
    // BDM70: only the next packet of another kind tells.
    const Packet fup = packet_at(pos_, end_);
    cut_ = fup.kind == Next::end;
    if (fup.kind != Next::fup) return false;
    size = fup.size;
    const Next behind = behind_fup(pos_ + size, end_);
    if (behind == Next::pge) return true;
    if (behind == Next::unknown) return false;
  }
  if (!read_ip(size)) return false;
  enabled_ = enabled_ || !suppressed_;
  return true;
}

bool PacketWalk::header_mode(size_t& size) {
  if (!have(size = fixed_size(Next::mode))) return false;
  const unsigned leaf = pos_[1] >> 5;
  if (leaf > 1) return false;
  PacketEvent* const e = queue_header(leaf == 0 ? Type::exec_mode : Type::other, leaf == 0 ? What::none : What::tsx);
  if (e == nullptr) return false;
  e->mode = pos_[1] & 3;
  e->aborted = leaf == 1 && (pos_[1] & 2) != 0;
  return true;
}

bool PacketWalk::header_packet() {
  size_t size = fixed_size(next_);
  switch (next_) {
    case Next::pad:
      break;
    case Next::fup:
      if (!header_fup(size)) return false;
      break;
    case Next::mode:
      if (!header_mode(size)) return false;
      break;
    case Next::tsc:
    case Next::tma:
    case Next::mtc:
    case Next::cyc:
      return read_time(true);
    case Next::cbr:
      if (!have(size) || !time_.on_cbr(pos_[2], true) || queue_header(Type::cbr, What::none) == nullptr) return false;
      break;
    case Next::pip:
    case Next::vmcs:
      if (!have(size) || queue_header(Type::other, next_ == Next::pip ? What::paging : What::vmcs) == nullptr) return false;
      break;
    case Next::mnt:
      if (!have(size) || queue_header(Type::other, What::here) == nullptr) return false;
      break;
    default:
      return false;
  }
  pos_ += size;
  return true;
}

}  // namespace tracectl::intel_pt
