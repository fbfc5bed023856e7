// SPDX-License-Identifier: MIT
// PacketWalk: the packets of a trace as the flow decoder asks for them: the next conditional branch, the next indirect
// one, the next event. It reads ahead exactly as far as libipt's query decoder does, because what is found ahead decides
// what a decoder may still deliver.
//
// Errors: false wherever libipt would report an error, and where it would look for an erratum that is not followed here:
// the caller then leaves the trace to libipt from its last sync point.
// Source: Intel SDM vol. 3, "Intel Processor Trace", packet definitions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "backends/intel_pt/packet_event.hpp"
#include "backends/intel_pt/packet_kind.hpp"
#include "backends/intel_pt/reference.hpp"
#include "backends/intel_pt/trace_time.hpp"

namespace tracectl::intel_pt {

class PacketWalk {
 public:
  PacketWalk(std::span<const std::byte> trace, const TraceFacts& facts)
      : begin_(reinterpret_cast<const uint8_t*>(trace.data())),
        end_(begin_ + trace.size()),
        quirks_(quirks_of(facts.cpu)),
        time_(facts.time(quirks_.lost_cycles)) {}
  [[nodiscard]] const Quirks& quirks() const { return quirks_; }

  // At a PSB. `ip`: where the trace is, when it is on.
  [[nodiscard]] bool start(uint64_t offset, uint64_t& ip, bool& enabled);
  // How far the packets are read.
  [[nodiscard]] uint64_t offset() const { return static_cast<uint64_t>(pos_ - begin_); }

  [[nodiscard]] bool may_begin_at(uint64_t psb) const {
    const std::span trace(reinterpret_cast<const std::byte*>(begin_), static_cast<size_t>(end_ - begin_));
    return intel_pt::may_begin_at(trace, psb, offset(), quirks_.false_fup);
  }

  // An event comes before any branch; the trace ends here.
  [[nodiscard]] bool event_pending() const { return bits_left_ == 0 && event_next(); }
  [[nodiscard]] bool at_end() const { return bits_left_ == 0 && next_ == Next::end; }
  // Is the next thing an IP, or a bit?
  [[nodiscard]] bool tip_next() const { return next_ == Next::tip && for_tip_.empty(); }
  [[nodiscard]] bool tnt_next() const { return bits_left_ != 0 || next_ == Next::tnt8 || next_ == Next::tnt64; }

  [[nodiscard]] unsigned bits_left() const { return bits_left_; }
  // The bits of the next TNT packet. Call it with none left.
  [[nodiscard]] bool load_bits();
  // One of bits_left(): taken?
  [[nodiscard]] bool bit() { return (bits_ >> --bits_left_ & 1) != 0; }
  // The same for many: the bits, of which `left` are then still to come.
  [[nodiscard]] uint64_t bits() const { return bits_; }
  void use_bits(unsigned left) { bits_left_ = left; }
  // Branches only are next, and nothing waits: TNT and TIP packets may be read as bytes from here() on (plain_packets.hpp).
  [[nodiscard]] bool plain() const {
    const bool branches = next_ == Next::tnt8 || next_ == Next::tnt64 || next_ == Next::tip;
    return branches && bits_left_ == 0 && for_tip_.empty() && for_fup_.empty() && for_psbend_.empty();
  }
  [[nodiscard]] const uint8_t* here() const { return pos_; }
  [[nodiscard]] const uint8_t* end() const { return end_; }
  // The address of the TIP packet at `at`, which has one; nine bytes can be read there.
  [[nodiscard]] uint64_t plain_ip(const uint8_t* at) {
    uint64_t raw = 0;
    std::memcpy(&raw, at + 1, sizeof raw);
    update_ip(*at >> kIpShift, raw);
    suppressed_ = false;
    return ip_;
  }
  // They were read up to `at`, where a packet begins that plain() is true for; `left` bits are still to come.
  void skip_to(const uint8_t* at, uint64_t bits, unsigned left) {
    if (at != pos_) keep_branch_time();
    pos_ = at;
    bits_ = bits;
    bits_left_ = left;
    fetch();
  }
  // Behind the last bit comes an event, or the end.
  [[nodiscard]] bool stop_behind_bits() const { return next_ == Next::end || event_next(); }
  [[nodiscard]] bool tip(uint64_t& ip);
  [[nodiscard]] bool event(PacketEvent& out);
  // MTC or CYC have come: who begins later does not know what they add up to.
  [[nodiscard]] bool time_adds_up() const { return time_adds_up_; }
  // When the last bits, IP or event came.
  [[nodiscard]] uint64_t branch_time() const { return branch_time_; }
  // When the next ones would come.
  [[nodiscard]] uint64_t time() const { return time_.now(); }
  void set_branch_time(TraceEvent& e) const {
    e.has_tsc = branch_known_;
    e.tsc = branch_time_;
  }

 private:
  using Next = PacketKind;

  void fetch() { next_ = packet_kind(pos_, end_); }
  [[nodiscard]] bool event_next() const {
    constexpr auto of = [](Next n) { return 1u << static_cast<unsigned>(n); };
    constexpr unsigned kAlways = of(Next::pge) | of(Next::pgd) | of(Next::mode) | of(Next::cbr) | of(Next::pip) |
                                 of(Next::stop) | of(Next::ovf) | of(Next::vmcs) | of(Next::mnt) | of(Next::exstop) |
                                 of(Next::mwait) | of(Next::pwre) | of(Next::pwrx) | of(Next::ptw);
    return (kAlways & of(next_)) != 0 || (next_ == Next::tip && !for_tip_.empty()) ||
           (next_ == Next::fup && !for_fup_.empty()) || (next_ == Next::psbend && !for_psbend_.empty());
  }
  [[nodiscard]] bool read_ahead();
  [[nodiscard]] bool read_status();
  // False also at the cut end of a trace, which may be no error: cut_.
  [[nodiscard]] bool have(size_t bytes) {
    cut_ = static_cast<size_t>(end_ - pos_) < bytes;
    return !cut_;
  }
  [[nodiscard]] uint64_t number(size_t from, size_t bytes) const;
  [[nodiscard]] bool read_ip(size_t& size);
  // `raw`: what lies behind the address is not looked at.
  void update_ip(unsigned how, uint64_t raw) {
    const unsigned unused = 64 - 8 * static_cast<unsigned>(kIpBytes[how]);
    if (how == kIpSigned)
      ip_ = static_cast<uint64_t>(static_cast<int64_t>(raw << unused) >> unused);
    else
      ip_ ^= (ip_ ^ raw) << unused >> unused;
    have_ip_ = true;
  }
  [[nodiscard]] bool last_ip(uint64_t& ip) const;
  void forget_ip() {
    ip_ = 0;
    have_ip_ = suppressed_ = false;
  }
  void set_time(TraceEvent& e) const {
    e.has_tsc = time_.known();
    e.tsc = time_.now();
  }
  void set_ip(TraceEvent& e, bool from) const;
  void keep_branch_time() {
    branch_known_ = time_.known();
    branch_time_ = time_.now();
  }
  [[nodiscard]] bool read_time(bool in_psb);
  [[nodiscard]] bool read_fup();
  [[nodiscard]] bool read_header();
  [[nodiscard]] bool header_packet();
  [[nodiscard]] bool header_fup(size_t& size);
  [[nodiscard]] bool header_mode(size_t& size);
  [[nodiscard]] PacketEvent* queue_header(PacketEvent::Type type, PacketEvent::What what);
  [[nodiscard]] bool one(PacketEvent& out, bool& made);
  [[nodiscard]] bool on_tip(PacketEvent& out, bool& made);
  [[nodiscard]] bool on_fup(PacketEvent& out);
  [[nodiscard]] bool on_pge(PacketEvent& out);
  [[nodiscard]] bool on_pgd(PacketEvent& out);
  [[nodiscard]] bool on_psbend(PacketEvent& out);
  [[nodiscard]] bool on_mode(PacketEvent& out, bool& made);
  [[nodiscard]] bool on_cbr(PacketEvent& out);
  [[nodiscard]] bool on_pip(PacketEvent& out, bool& made);
  [[nodiscard]] bool on_vmcs(PacketEvent& out, bool& made);
  [[nodiscard]] bool on_overflow(PacketEvent& out, bool& made);
  [[nodiscard]] bool on_exstop(PacketEvent& out, bool& made);
  [[nodiscard]] bool on_mwait(bool& made);
  [[nodiscard]] bool on_ptw(PacketEvent& out, bool& made);
  [[nodiscard]] bool on_here(PacketEvent& out, bool timed);
  enum class Resumes : uint8_t { on, off, unsure };
  [[nodiscard]] Resumes behind_overflow() const;

  const uint8_t* begin_;
  const uint8_t* end_;
  Quirks quirks_;
  TraceTime time_;
  const uint8_t* pos_ = nullptr;
  uint64_t psb_ = 0;
  Next next_ = Next::end;
  bool consume_ = false, enabled_ = false, cut_ = false, time_adds_up_ = false;
  unsigned bits_left_ = 0;
  uint64_t bits_ = 0;
  uint64_t ip_ = 0;
  bool have_ip_ = false, suppressed_ = false, branch_known_ = false;
  uint64_t branch_time_ = 0;
  EventQueue for_tip_, for_fup_, for_psbend_;
};

}  // namespace tracectl::intel_pt
