// SPDX-License-Identifier: MIT
#include "backends/intel_pt/decoder.hpp"

#include <fmt/format.h>
#include <intel-pt.h>

#include <algorithm>
#include <optional>

#include "backends/intel_pt/clock.hpp"
#include "backends/intel_pt/insn_cache.hpp"
#include "backends/intel_pt/opening.hpp"
#include "backends/intel_pt/packet_kind.hpp"
#include "backends/intel_pt/reference.hpp"
#include "backends/intel_pt/sync.hpp"
#include "core/check.hpp"

namespace tracectl::intel_pt {
namespace {

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
  const TimeFacts time = facts.time(config.errata.skl168 != 0);
  config.cpuid_0x15_eax = time.ctc_d;
  config.cpuid_0x15_ebx = time.ctc_n;
  config.nom_freq = time.nominal;
  config.mtc_freq = time.mtc_freq;
  config.flags.variant.block.end_on_call = 1;
  config.flags.variant.block.end_on_jump = 1;
  config.flags.variant.block.enable_tick_events = time.between_branches ? 1 : 0;
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

// The code of one program, for libipt.
class Code {
 public:
  explicit Code(pt_image_section_cache* cache) : cache_(cache), image_(pt_image_alloc("tracectl")) {}
  [[nodiscard]] pt_image* image() const { return image_.get(); }
  void add(const decode::Section& s) {
    const int isid = pt_iscache_add_file(cache_, s.file.c_str(), s.file_offset, s.size, s.address);
    if (isid > 0) pt_image_add_cached(image_.get(), cache_, isid, nullptr);
  }

 private:
  pt_image_section_cache* cache_;
  std::unique_ptr<pt_image, ImageEnd> image_;
};

TraceEvent told(const pt_event& e) {
  using Type = TraceEvent::Type;
  TraceEvent out{Type::other, e.status_update != 0, e.ip_suppressed != 0, e.has_tsc != 0, e.tsc, 0, 0};
  const auto set = [&out](Type type, uint64_t ip, uint64_t to = 0) {
    out.type = type;
    out.ip = ip;
    out.to = to;
  };
  const bool ip = e.ip_suppressed == 0;
  switch (e.type) {
    case ptev_enabled:
      set(Type::enabled, e.variant.enabled.ip);
      break;
    case ptev_disabled:
      set(Type::disabled, 0, ip ? e.variant.disabled.ip : 0);
      break;
    case ptev_async_disabled:
      set(Type::async_disabled, e.variant.async_disabled.at, ip ? e.variant.async_disabled.ip : 0);
      break;
    case ptev_async_branch:
      set(Type::async_branch, e.variant.async_branch.from, ip ? e.variant.async_branch.to : 0);
      break;
    case ptev_overflow:
      set(Type::overflow, ip ? e.variant.overflow.ip : 0);
      break;
    case ptev_exec_mode:
      set(Type::exec_mode, ip ? e.variant.exec_mode.ip : 0);
      break;
    case ptev_tick:
      out.type = Type::tick;
      break;
    case ptev_cbr:
      out.type = Type::cbr;
      break;
    default:
      break;
  }
  return out;
}

class Walk final : public ReferenceWalk {
 public:
  Walk(const TraceFacts& facts, pt_image_section_cache* cache, InsnCache& insns, std::span<const std::byte> trace,
       std::span<const decode::Turn> turns, Delivery& delivery)
      : cache_(cache),
        insns_(insns),
        trace_(trace),
        quirks_(quirks_of(facts.cpu)),
        delivery_(delivery),
        programs_(turns, [cache] { return std::make_unique<Code>(cache); }) {
    const pt_config config = make_config(facts, trace);
    decoder_.reset(pt_blk_alloc_decoder(&config));
  }
  [[nodiscard]] bool ready() const { return decoder_ != nullptr; }
  Programs& programs() override { return programs_; }

  Stop run(uint64_t psb, bool to_sync, bool cut) override {
    has_mode_ = false;
    take_image();
    sync_ = to_sync ? true_sync(psb + 1) : std::nullopt;
    direct_ = 0;
    unknown_.emplace(trace_, psb);
    const int status = pt_blk_sync_set(decoder_.get(), psb);
    const int error = status < 0 ? status : segment(status);
    if (!delivery_.go()) return {End::sink, {}};
    if (error == kAtSync) return {End::sync, sync_};
    if (cut && error == -pte_retstack_empty) return {End::below, {}};
    delivery_.flush(0, false);
    if (error == -pte_eos) return {End::trace, {}};
    return {End::error, resync(psb, error)};
  }

 private:
  static constexpr int kAtSync = -0x10000, kEndless = -0x10001;  // no pt_error_codes
  // Direct branches in a row, which need no trace: damage may lead into a loop of them, and libipt follows for ever.
  static constexpr unsigned kMostDirect = 1u << 16;

  // Decodes from a sync point up to an error; -pte_eos at the end of the trace.
  int segment(int status) {
    pt_block block{};
    while (delivery_.go()) {
      while ((status & pts_event_pending) != 0) {
        pt_event event;
        read_ = offset();
        status = pt_blk_event(decoder_.get(), &event, sizeof event);
        if (status < 0) return status;
        if (event.type == ptev_exec_mode) has_mode_ = event.variant.exec_mode.mode != ptem_unknown;
        if (at_sync(event, status)) return kAtSync;
        delivery_.on_event(told(event), offset());
        take_image();
        if (!delivery_.go()) return 0;
      }
      if ((status & pts_eos) != 0) return -pte_eos;
      block.ninsn = 0;
      status = pt_blk_next(decoder_.get(), &block, sizeof block);
      if (block.ninsn != 0) on_block(block);
      if (status < 0) return status;
      if (direct_ > kMostDirect) return kEndless;
    }
    return 0;
  }

  void on_block(const pt_block& b) {
    ++blocks_;
    const InsnCache::Entry& last = last_insn(b);
    if (last.kind == decode::BranchKind::jump || last.kind == decode::BranchKind::call)
      ++direct_;
    else if (last.kind != decode::BranchKind::none)
      direct_ = 0;
    delivery_.on_block({b.ip, b.end_ip, b.ninsn, last.size, last.kind, false, 0}, offset());
  }

  const InsnCache::Entry& last_insn(const pt_block& b) {
    if (b.truncated != 0) return insns_.add(b.end_ip, b.isid, {b.raw, b.size});
    if (const InsnCache::Entry* known = insns_.find(b.end_ip, b.isid)) return *known;
    uint8_t bytes[pt_max_insn_size];
    const int size = pt_iscache_read(cache_, bytes, sizeof bytes, b.isid, b.end_ip);
    return insns_.add(b.end_ip, b.isid, {bytes, static_cast<size_t>(std::max(size, 0))});
  }

  // Without a mode libipt would still follow what it has cached by then, and nothing else: it gets no code.
  void take_image() {
    pt_image* image = has_mode_ ? programs_.code().image() : no_code_.get();
    if (image == image_) return;
    image_ = image;
    pt_blk_set_image(decoder_.get(), image);
  }

  [[nodiscard]] uint64_t offset() const {
    uint64_t at = 0;
    pt_blk_get_offset(decoder_.get(), &at);
    return at;
  }

  // Where bytes in front of a PSB look like its beginning, the PSB itself.
  [[nodiscard]] std::optional<uint64_t> true_sync(uint64_t from) const {
    auto psb = find_psb(trace_, from);
    while (psb && find_psb(trace_, *psb + 2) == *psb + 2) *psb += 2;
    return psb;
  }

  // A PSB+ behind the first one, where all that was owed is paid: another decoder may begin there, if it is where libipt
  // is. Only events with an address tell that; those of the PSB+ in front of it are then delivered by the other one.
  bool at_sync(const pt_event& event, int status) {
    if (!sync_) return false;
    const uint64_t now = offset();
    if (now < *sync_) return false;
    // One of a PSB+ looks like any other, and would come twice.
    if (event.type == ptev_mnt) sync_ = true_sync(now);
    // One of a PSB+ in front was taken in before this one was read.
    if (event.status_update == 0 || !sync_ || read_ < *sync_) return false;
    if (!begun_ || begun_->psb != *sync_) {
      const auto next = true_sync(*sync_ + kPsbSize);
      // libipt reads ahead: which of several it is from is not known.
      if (delivery_.owes() || (next && *next < now)) {
        sync_ = true_sync(now);
        return false;
      }
      begun_ = {*sync_, blocks_, delivery_.mark()};
    }
    const bool placed = event.type == ptev_exec_mode || event.type == ptev_async_paging || event.type == ptev_tsx;
    const bool is_here = (event.ip_suppressed != 0) == ((status & pts_ip_suppressed) != 0);
    if (!placed) return false;
    if (is_here && begun_->blocks == blocks_ && !unknown_->at(*sync_) &&
        may_begin_at(trace_, *sync_, now, quirks_.false_fup)) {
      delivery_.go_back(begun_->mark, programs_);
      return true;
    }
    sync_ = true_sync(now);
    return false;
  }

  std::optional<uint64_t> resync(uint64_t psb, int error) {
    uint64_t at = 0;
    if (pt_blk_get_offset(decoder_.get(), &at) < 0 || at < psb) at = psb;
    const auto next = find_psb(trace_, std::max(at, psb + 1));
    const char* what = error == -pte_nomap && !has_mode_ ? "the trace does not tell the processor's mode"
                       : error == kEndless               ? "an endless loop of direct branches"
                                                         : pt_errstr(pt_errcode(error));
    delivery_.lose(at, next.value_or(trace_.size()) - at, what);
    return next;
  }

  pt_image_section_cache* cache_;
  InsnCache& insns_;
  std::span<const std::byte> trace_;
  Quirks quirks_;
  Delivery& delivery_;
  ProgramsOf<Code> programs_;
  std::unique_ptr<pt_block_decoder, BlockDecoderEnd> decoder_;
  std::unique_ptr<pt_image, ImageEnd> no_code_{pt_image_alloc("none")};
  pt_image* image_ = nullptr;
  bool has_mode_ = false;
  std::optional<uint64_t> sync_;  // where libipt may stop
  std::optional<Unknown> unknown_;
  struct Begun {
    uint64_t psb = 0, blocks = 0;
    Delivery::Mark mark;
  };
  std::optional<Begun> begun_;      // the first event of that PSB+ has come
  uint64_t blocks_ = 0, read_ = 0;  // read_: how far, when the event was already waiting
  unsigned direct_ = 0;
};

class Store final : public ReferenceStore {
 public:
  Store() : cache_(pt_iscache_alloc("tracectl")) {
    TRACECTL_CHECK(cache_ != nullptr, "libipt out of memory");
    // Without a limit libipt drops a section, and its decoded blocks, as soon as control leaves it.
    pt_iscache_set_limit(cache_.get(), uint64_t{1} << 40);
  }
  std::unique_ptr<ReferenceWalk> walk(const TraceFacts& facts, std::span<const std::byte> trace,
                                      std::span<const decode::Turn> turns, Delivery& delivery) override {
    auto out = std::make_unique<Walk>(facts, cache_.get(), insns_, trace, turns, delivery);
    return out->ready() ? std::move(out) : nullptr;
  }

 private:
  std::unique_ptr<pt_image_section_cache, SectionCacheEnd> cache_;
  InsnCache insns_;
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
  explicit PtDecoder(TraceFacts facts) : facts_(std::move(facts)) {}

  Result<> decode(const capture::AuxStream& stream, const decode::Piece& piece, std::span<const decode::Turn> turns,
                  decode::ItemSink& sink) override {
    TRACECTL_CHECK(!turns.empty(), "a stream without a program");
    if (piece.trace.empty()) return {};
    Delivery delivery(facts_, stream.cpu, sink);
    const auto walk = store_.walk(facts_, piece.trace, turns, delivery);
    if (walk == nullptr) return fail("cannot decode: libipt refused its configuration");
    delivery.use(walk->programs());
    auto psb = find_psb(piece.trace, 0);
    if (!psb) delivery.lose(0, piece.trace.size(), kNoSync);
    while (psb && delivery.go()) psb = walk->run(*psb, false, false).psb;
    return {};
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

  uint64_t next_start(const capture::AuxStream&, std::span<const std::byte> trace, uint64_t from) override {
    return find_psb(trace, from).value_or(trace.size());
  }

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
  Store store_;
};

}  // namespace

Quirks quirks_of(const CpuId& cpu) {
  if (!cpu.known) return {};
  const pt_cpu as_libipt{pcv_intel, cpu.family, cpu.model, cpu.stepping};
  pt_errata errata{};
  pt_cpu_errata(&errata, &as_libipt);
  return {errata.bdm70 != 0,  errata.bdm64 != 0, errata.skd007 != 0, errata.skd022 != 0,
          errata.skd010 != 0, errata.apl12 != 0, errata.skl168 != 0};
}

std::unique_ptr<ReferenceStore> make_reference_store() { return std::make_unique<Store>(); }

std::unique_ptr<decode::Decoder> make_decoder(const capture::AuxInfo& info, const std::string& cpuid, uint64_t config) {
  return std::make_unique<PtDecoder>(TraceFacts{info, parse_cpuid(cpuid), config});
}

}  // namespace tracectl::intel_pt
