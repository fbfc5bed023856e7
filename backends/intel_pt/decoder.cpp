// SPDX-License-Identifier: MIT
#include "backends/intel_pt/decoder.hpp"

#include <fmt/format.h>
#include <intel-pt.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <vector>

#include "backends/intel_pt/clock.hpp"
#include "backends/intel_pt/insn_cache.hpp"
#include "backends/intel_pt/opening.hpp"
#include "core/check.hpp"
#include "decode/address_set.hpp"

namespace tracectl::intel_pt {
namespace {

using decode::Block;
using decode::BranchKind;
using decode::Event;
using decode::Stamp;

pt_config make_config(const TraceFacts& facts, std::span<const std::byte> trace) {
  pt_config config;
  pt_config_init(&config);
  // libipt's decoders never write to the buffer; the type is shared with its encoder.
  config.begin = reinterpret_cast<uint8_t*>(const_cast<std::byte*>(trace.data()));
  config.end = config.begin + trace.size();
  if (facts.cpu.known) {
    config.cpu = {pcv_intel, facts.cpu.family, facts.cpu.model, facts.cpu.stepping};
    pt_cpu_errata(&config.errata, &config.cpu);
  }
  config.cpuid_0x15_eax = static_cast<uint32_t>(facts.priv(Priv::kTscCtcD));
  config.cpuid_0x15_ebx = static_cast<uint32_t>(facts.priv(Priv::kTscCtcN));
  config.nom_freq = static_cast<uint8_t>(facts.priv(Priv::kMaxNonturboRatio));
  if (const uint64_t mask = facts.priv(Priv::kMtcFreqBits); mask != 0)
    config.mtc_freq = static_cast<uint8_t>((facts.config & mask) >> __builtin_ctzll(mask));
  config.flags.variant.block.end_on_call = 1;
  config.flags.variant.block.end_on_jump = 1;
  config.flags.variant.block.enable_tick_events = facts.fine_time() ? 1 : 0;
  return config;
}

struct ImageEnd {
  void operator()(pt_image* p) const { pt_image_free(p); }
};
struct SectionCacheEnd {
  void operator()(pt_image_section_cache* p) const { pt_iscache_free(p); }
};
struct BlockDecoderEnd {
  void operator()(pt_block_decoder* p) const { pt_blk_free_decoder(p); }
};
struct PacketDecoderEnd {
  void operator()(pt_packet_decoder* p) const { pt_pkt_free_decoder(p); }
};

// The code of one stream, as far as its trace has come.
class Code {
 public:
  Code(pt_image_section_cache* cache, const decode::ImageTimeline& images)
      : cache_(cache), image_(pt_image_alloc("tracectl")) {
    for (const decode::Section& s : images.sections) {
      if (s.file.empty()) continue;
      if (present_.add(s.address, s.address + s.size))
        later_.push_back(&s);
      else
        add(s);
    }
  }
  [[nodiscard]] pt_image* image() const { return image_.get(); }
  [[nodiscard]] uint64_t next_change() const { return next_ < later_.size() ? later_[next_]->time : ~uint64_t{0}; }
  void advance(uint64_t time) {
    while (next_change() <= time) add(*later_[next_++]);
  }

 private:
  void add(const decode::Section& s) {
    const int isid = pt_iscache_add_file(cache_, s.file.c_str(), s.file_offset, s.size, s.address);
    if (isid > 0) pt_image_add_cached(image_.get(), cache_, isid, nullptr);
  }

  pt_image_section_cache* cache_;
  std::unique_ptr<pt_image, ImageEnd> image_;
  decode::AddressSet present_;
  std::vector<const decode::Section*> later_;
  size_t next_ = 0;
};

// The programs of one stream, each with its code: whose instructions run now.
class Programs {
 public:
  Programs(pt_image_section_cache* cache, std::span<const decode::Turn> turns) : cache_(cache), turns_(turns) { take(0); }
  [[nodiscard]] const decode::Turn& turn() const { return turns_[at_]; }
  [[nodiscard]] pt_image* image() const { return code_->image(); }
  // When turn() or the code of image() changes next.
  [[nodiscard]] uint64_t next_change() const {
    const uint64_t next_turn = at_ + 1 < turns_.size() ? turns_[at_ + 1].time : ~uint64_t{0};
    return std::min(next_turn, code_->next_change());
  }
  // `enabled`: the trace was off until now.
  void advance(uint64_t time, bool enabled) {
    size_t to = at_;
    while (to + 1 < turns_.size() && (enabled ? turns_[to + 1].time : turns_[to + 1].sure) <= time) ++to;
    if (to != at_) take(to);
    code_->advance(time);
  }
  // The trace begins at `ip`. True when that is a later turn's.
  bool begin_at(uint64_t ip) {
    const size_t to = turns_.size() == 1 ? at_ : decode::turn_with_code(turns_, at_, ip);
    if (to == at_) return false;
    take(to);
    return true;
  }

 private:
  void take(size_t turn) {
    at_ = turn;
    auto& code = known_[turns_[turn].images];
    if (code == nullptr) code = std::make_unique<Code>(cache_, *turns_[turn].images);
    code_ = code.get();
  }

  pt_image_section_cache* cache_;
  std::span<const decode::Turn> turns_;
  size_t at_ = 0;
  std::map<const decode::ImageTimeline*, std::unique_ptr<Code>> known_;
  Code* code_ = nullptr;
};

// One pass over one stream. A block is held back until what follows tells where it went.
class Walk {
 public:
  Walk(const TraceFacts& facts, pt_image_section_cache* cache, InsnCache& insns, const capture::AuxStream& stream,
       std::span<const std::byte> trace, std::span<const decode::Turn> turns, decode::ItemSink& sink)
      : facts_(facts), cache_(cache), insns_(insns), trace_(trace), programs_(cache, turns), sink_(sink) {
    stamp_.cpu = stream.cpu;
    set_turn();
    const pt_config config = make_config(facts, trace);
    decoder_.reset(pt_blk_alloc_decoder(&config));
    next_change_ = programs_.next_change();
  }

  Result<> run() {
    if (trace_.empty()) return {};
    if (decoder_ == nullptr) return fail("cannot decode: libipt refused its configuration");
    pt_blk_set_image(decoder_.get(), programs_.image());
    std::optional<uint64_t> psb = next_psb(0);
    if (!psb && !trace_.empty()) lose(0, trace_.size(), "no PSB packet: nothing to start from");
    while (psb && go_) {
      const int status = pt_blk_sync_set(decoder_.get(), *psb);
      const int error = status < 0 ? status : segment(status);
      if (!go_) break;
      flush(0, false);
      if (error == -pte_eos) break;
      psb = resync(*psb, error);
    }
    if (go_) flush(0, false);
    return {};
  }

 private:
  // Decodes from a sync point up to an error; -pte_eos at the end of the trace.
  int segment(int status) {
    pt_block block{};
    while (go_) {
      while ((status & pts_event_pending) != 0) {
        pt_event event;
        status = pt_blk_event(decoder_.get(), &event, sizeof event);
        if (status < 0) return status;
        on_event(event);
        if (!go_) return 0;
      }
      if ((status & pts_eos) != 0) return -pte_eos;
      block.ninsn = 0;
      status = pt_blk_next(decoder_.get(), &block, sizeof block);
      if (block.ninsn != 0) on_block(block);
      if (status < 0) return status;
    }
    return 0;
  }

  void on_block(const pt_block& b) {
    flush(b.ip, true);
    const InsnCache::Entry& last = last_insn(b);
    held_ = {b.ip, b.end_ip, b.ninsn, last.size, last.kind, false, 0};
    holding_ = true;
    pt_blk_get_offset(decoder_.get(), &stamp_.offset);
  }

  const InsnCache::Entry& last_insn(const pt_block& b) {
    if (b.truncated != 0) return insns_.add(b.end_ip, b.isid, {b.raw, b.size});
    if (const InsnCache::Entry* known = insns_.find(b.end_ip, b.isid)) return *known;
    uint8_t bytes[pt_max_insn_size];
    const int size = pt_iscache_read(cache_, bytes, sizeof bytes, b.isid, b.end_ip);
    return insns_.add(b.end_ip, b.isid, {bytes, static_cast<size_t>(std::max(size, 0))});
  }

  // Delivers the held block; `to` is where control went, when `known`.
  void flush(uint64_t to, bool known) {
    if (!holding_) return;
    holding_ = false;
    const bool may_fall = held_.kind == BranchKind::none || held_.kind == BranchKind::cond;
    held_.to = known ? to : 0;
    held_.taken = may_fall ? known && to != held_.last + held_.last_size : true;
    if (go_) go_ = sink_.on_block(stamp_, held_);
  }

  void set_time(const pt_event& e) {
    if (e.has_tsc != 0) stamp_.time = facts_.perf_time(e.tsc);
    const bool enabled = e.type == ptev_enabled, late = e.has_tsc != 0 && stamp_.time >= next_change_;
    if (late) programs_.advance(stamp_.time, enabled);
    const bool moved = enabled && e.ip_suppressed == 0 && programs_.begin_at(e.variant.enabled.ip);
    if (!late && !moved) return;
    next_change_ = programs_.next_change();
    set_turn();
    pt_blk_set_image(decoder_.get(), programs_.image());
  }

  void set_turn() {
    stamp_.turn = &programs_.turn();
    stamp_.pid = stamp_.turn->pid;
    stamp_.tid = stamp_.turn->tid;
  }

  void on_event(const pt_event& e) {
    Event out = describe(e);
    // Only these tell or end what the held block did; a tick or a mode says nothing of it.
    if (e.status_update == 0) {
      const bool to_known = e.ip_suppressed == 0;
      if (e.type == ptev_disabled) flush(out.to, to_known);
      if (e.type == ptev_async_disabled || e.type == ptev_async_branch) flush(out.ip, true);
      if (e.type == ptev_enabled || e.type == ptev_overflow) flush(0, false);
    }
    if (!go_) return;
    set_time(e);
    if (e.type == ptev_tick || e.type == ptev_cbr) return;
    pt_blk_get_offset(decoder_.get(), &stamp_.offset);
    go_ = sink_.on_event(stamp_, out);
  }

  static Event describe(const pt_event& e) {
    Event out;
    const auto set = [&out](Event::Kind kind, const char* name, uint64_t ip, uint64_t to = 0) {
      out.kind = kind;
      out.name = name;
      out.ip = ip;
      out.to = to;
    };
    const bool ip = e.ip_suppressed == 0;
    switch (e.type) {
      case ptev_enabled:
        set(Event::Kind::enabled, "enabled", e.variant.enabled.ip);
        break;
      case ptev_disabled:
        set(Event::Kind::disabled, "disabled", 0, ip ? e.variant.disabled.ip : 0);
        break;
      case ptev_async_disabled:
        set(Event::Kind::async_disabled, "async_disabled", e.variant.async_disabled.at,
            ip ? e.variant.async_disabled.ip : 0);
        break;
      case ptev_async_branch:
        set(Event::Kind::async_branch, "async_branch", e.variant.async_branch.from, ip ? e.variant.async_branch.to : 0);
        break;
      case ptev_overflow:
        set(Event::Kind::overflow, "overflow", ip ? e.variant.overflow.ip : 0);
        break;
      case ptev_exec_mode:
        set(Event::Kind::exec_mode, "exec_mode", ip ? e.variant.exec_mode.ip : 0);
        break;
      default:
        set(Event::Kind::other, "other", 0);
        break;
    }
    return out;
  }

  // The next PSB at or behind `from`.
  [[nodiscard]] std::optional<uint64_t> next_psb(uint64_t from) const {
    static constexpr unsigned char kPsb[16] = {2, 0x82, 2, 0x82, 2, 0x82, 2, 0x82, 2, 0x82, 2, 0x82, 2, 0x82, 2, 0x82};
    if (from >= trace_.size()) return std::nullopt;
    const void* hit = ::memmem(trace_.data() + from, trace_.size() - from, kPsb, sizeof kPsb);
    if (hit == nullptr) return std::nullopt;
    return static_cast<const std::byte*>(hit) - trace_.data();
  }

  std::optional<uint64_t> resync(uint64_t psb, int error) {
    uint64_t at = 0;
    if (pt_blk_get_offset(decoder_.get(), &at) < 0 || at < psb) at = psb;
    const auto next = next_psb(std::max(at, psb + 1));
    lose(at, next.value_or(trace_.size()) - at, pt_errstr(pt_errcode(error)));
    return next;
  }

  void lose(uint64_t offset, uint64_t bytes, const char* what) {
    stamp_.offset = offset;
    const decode::Loss loss{LossKind::undecodable, held_.last, bytes, what};
    go_ = sink_.on_loss(stamp_, loss);
  }

  const TraceFacts& facts_;
  pt_image_section_cache* cache_;
  InsnCache& insns_;
  std::span<const std::byte> trace_;
  Programs programs_;
  decode::ItemSink& sink_;
  std::unique_ptr<pt_block_decoder, BlockDecoderEnd> decoder_;
  Stamp stamp_;
  Block held_;
  bool holding_ = false, go_ = true;
  uint64_t next_change_ = 0;
};

const char* name_of(const pt_packet& p) {
  if (p.type == ppt_mode) return p.payload.mode.leaf == pt_mol_exec ? "mode.exec" : "mode.tsx";
  static constexpr std::pair<pt_packet_type, const char*> kNames[] = {
      {ppt_pad, "pad"},       {ppt_psb, "psb"},         {ppt_psbend, "psbend"},   {ppt_fup, "fup"},
      {ppt_tip, "tip"},       {ppt_tip_pge, "tip.pge"}, {ppt_tip_pgd, "tip.pgd"}, {ppt_tnt_8, "tnt.8"},
      {ppt_tnt_64, "tnt.64"}, {ppt_pip, "pip"},         {ppt_vmcs, "vmcs"},       {ppt_cbr, "cbr"},
      {ppt_tsc, "tsc"},       {ppt_tma, "tma"},         {ppt_mtc, "mtc"},         {ppt_cyc, "cyc"},
      {ppt_stop, "stop"},     {ppt_ovf, "ovf"},         {ppt_mnt, "mnt"},         {ppt_exstop, "exstop"},
      {ppt_mwait, "mwait"},   {ppt_pwre, "pwre"},       {ppt_pwrx, "pwrx"},       {ppt_ptw, "ptw"}};
  for (const auto& [type, name] : kNames)
    if (type == p.type) return name;
  return "unknown";
}

std::string ip_text(const pt_packet_ip& p) {
  static constexpr unsigned kDigits[] = {0, 4, 8, 12, 12, 0, 16, 0};  // by pt_ip_compression
  if (p.ipc == pt_ipc_suppressed) return "0";
  return fmt::format("{}: {:>16}", static_cast<int>(p.ipc), fmt::format("{:0{}x}", p.ip, kDigits[p.ipc & 7]));
}

std::string mode_text(const pt_packet_mode& p) {
  if (p.leaf == pt_mol_exec) {
    const auto mode = pt_get_exec_mode(&p.bits.exec);
    return mode == ptem_64bit ? "64-bit" : mode == ptem_32bit ? "32-bit" : mode == ptem_16bit ? "16-bit" : "unknown";
  }
  return p.bits.tsx.abrt != 0 ? "abort" : p.bits.tsx.intx != 0 ? "begin" : "end";
}

std::string payload_of(const pt_packet& p) {
  std::string bits;
  switch (p.type) {
    case ppt_fup:
    case ppt_tip:
    case ppt_tip_pge:
    case ppt_tip_pgd:
      return ip_text(p.payload.ip);
    case ppt_tnt_8:
    case ppt_tnt_64:
      for (int i = p.payload.tnt.bit_size - 1; i >= 0; --i) bits += (p.payload.tnt.payload >> i & 1) != 0 ? '!' : '.';
      return bits;
    case ppt_mode:
      return mode_text(p.payload.mode);
    case ppt_pip:
      return fmt::format("{:x}{}", p.payload.pip.cr3, p.payload.pip.nr != 0 ? " nr" : "");
    case ppt_vmcs:
      return fmt::format("{:x}", p.payload.vmcs.base);
    case ppt_cbr:
      return fmt::format("{}", p.payload.cbr.ratio);
    case ppt_tsc:
      return fmt::format("{:x}", p.payload.tsc.tsc);
    case ppt_tma:
      return fmt::format("{:x}, {:x}", p.payload.tma.ctc, p.payload.tma.fc);
    case ppt_mtc:
      return fmt::format("{:x}", p.payload.mtc.ctc);
    case ppt_cyc:
      return fmt::format("{:x}", p.payload.cyc.value);
    case ppt_mnt:
      return fmt::format("{:x}", p.payload.mnt.payload);
    case ppt_mwait:
      return fmt::format("{:x}, {:x}", p.payload.mwait.hints, p.payload.mwait.ext);
    case ppt_ptw:
      return fmt::format("{:x}", p.payload.ptw.payload);
    default:
      return {};
  }
}

class PtDecoder final : public decode::Decoder {
 public:
  explicit PtDecoder(TraceFacts facts) : facts_(std::move(facts)), cache_(pt_iscache_alloc("tracectl")) {
    TRACECTL_CHECK(cache_ != nullptr, "libipt out of memory");
    // Without a limit libipt drops a section, and its decoded blocks, as soon as control leaves it.
    pt_iscache_set_limit(cache_.get(), uint64_t{1} << 40);
  }

  Result<> decode(const capture::AuxStream& stream, const decode::Piece& piece, std::span<const decode::Turn> turns,
                  decode::ItemSink& sink) override {
    TRACECTL_CHECK(!turns.empty(), "a stream without a program");
    return Walk(facts_, cache_.get(), insns_, stream, piece.trace, turns, sink).run();
  }

  Result<> packets(const capture::AuxStream&, std::span<const std::byte> trace,
                   const std::function<bool(const decode::PacketText&)>& fn) override {
    const pt_config config = make_config(facts_, trace);
    const std::unique_ptr<pt_packet_decoder, PacketDecoderEnd> decoder(pt_pkt_alloc_decoder(&config));
    if (trace.empty()) return {};
    if (decoder == nullptr) return fail("cannot decode packets: libipt refused its configuration");
    int status = pt_pkt_sync_forward(decoder.get());
    while (status >= 0) {
      uint64_t offset = 0;
      pt_packet packet;
      pt_pkt_get_offset(decoder.get(), &offset);
      status = pt_pkt_next(decoder.get(), &packet, sizeof packet);
      if (status == -pte_eos) break;
      if (status >= 0) {
        if (!fn({offset, name_of(packet), payload_of(packet)})) return {};
        continue;
      }
      if (!fn({offset, "error", pt_errstr(pt_errcode(status))})) return {};
      status = pt_pkt_sync_forward(decoder.get());
    }
    return {};
  }

  std::span<const std::byte> opening(std::span<const std::byte> trace) override { return opening_of(trace); }

  uint64_t start_time(const capture::AuxStream&, std::span<const std::byte> trace) override {
    uint64_t time = 0;
    const pt_config config = make_config(facts_, trace);
    const std::unique_ptr<pt_packet_decoder, PacketDecoderEnd> decoder(pt_pkt_alloc_decoder(&config));
    if (decoder == nullptr || pt_pkt_sync_forward(decoder.get()) < 0) return 0;
    pt_packet packet;
    constexpr int kSoon = 4096;  // packets; a PSB+ carries a TSC
    for (int i = 0; i < kSoon && pt_pkt_next(decoder.get(), &packet, sizeof packet) >= 0; ++i) {
      if (packet.type != ppt_tsc) continue;
      time = facts_.perf_time(packet.payload.tsc.tsc);
      break;
    }
    return time;
  }

 private:
  TraceFacts facts_;
  std::unique_ptr<pt_image_section_cache, SectionCacheEnd> cache_;
  InsnCache insns_;
};

}  // namespace

std::unique_ptr<decode::Decoder> make_decoder(const capture::AuxInfo& info, const std::string& cpuid, uint64_t config) {
  return std::make_unique<PtDecoder>(TraceFacts{info, parse_cpuid(cpuid), config});
}

}  // namespace tracectl::intel_pt
