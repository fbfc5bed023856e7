// SPDX-License-Identifier: MIT
#include "backends/coresight/tree.hpp"

#include <fmt/format.h>
#include <opencsd/c_api/opencsd_c_api.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "backends/coresight/frames.hpp"
#include "backends/coresight/opencsd_words.hpp"

namespace tracectl::coresight {
namespace {

using decode::BranchKind;
using decode::Isa;

// Protocol-specific numbers of the exceptions that an instruction asks for (SVC, HVC, SMC).
constexpr uint32_t kCall4 = 2;                           // ARM IHI 0064, "Exception packet": Call
constexpr std::array<uint32_t, 3> kCalls3 = {2, 3, 10};  // ARM IHI 0014 and 0035: SMC, Hyp, SVC

uint32_t low(uint64_t reg) { return static_cast<uint32_t>(reg); }

union Config {
  ocsd_etmv3_cfg etmv3;
  ocsd_ptm_cfg ptm;
  ocsd_etmv4_cfg etmv4;
  ocsd_ete_cfg ete;
};
struct Protocol {
  const char* decoder;
  ocsd_trace_protocol_t number;
};

Protocol protocol_of(const TraceUnit& u) {
  if (u.architecture == Architecture::ete) return {OCSD_BUILTIN_DCD_ETE, OCSD_PROTOCOL_ETE};
  if (u.architecture == Architecture::etmv4) return {OCSD_BUILTIN_DCD_ETMV4I, OCSD_PROTOCOL_ETMV4I};
  if (is_ptm(u)) return {OCSD_BUILTIN_DCD_PTM, OCSD_PROTOCOL_PTM};
  return {OCSD_BUILTIN_DCD_ETMV3, OCSD_PROTOCOL_ETMV3};
}

Config config_of(const TraceUnit& u) {
  Config out{};
  const uint32_t id = low(u.trace_id & kTraceIdMask);
  if (u.architecture == Architecture::ete) {
    out.ete = {low(u.idr0),   low(u.idr1), low(u.idr2), low(u.idr8),    low(u.devarch),
               low(u.config), id,          ARCH_AA64,   profile_CortexA};
  } else if (u.architecture == Architecture::etmv4) {
    out.etmv4 = {};
    out.etmv4.reg_idr0 = low(u.idr0), out.etmv4.reg_idr1 = low(u.idr1);
    out.etmv4.reg_idr2 = low(u.idr2), out.etmv4.reg_idr8 = low(u.idr8);
    out.etmv4.reg_configr = low(u.config), out.etmv4.reg_traceidr = id;
    out.etmv4.arch_ver = is_before_armv8_3(u) ? ARCH_V8 : ARCH_AA64, out.etmv4.core_prof = profile_CortexA;
  } else if (is_ptm(u)) {
    out.ptm = {low(u.etmidr), low(u.config), low(u.etmccer), id, ARCH_V7, profile_CortexA};
  } else {
    out.etmv3 = {low(u.etmidr), low(u.config), low(u.etmccer), id, ARCH_V7, profile_CortexA};
  }
  return out;
}

BranchKind kind_of(const ocsd_generic_trace_elem& e) {
  if (e.last_i_type == OCSD_INSTR_BR) {
    if (e.last_i_subtype == OCSD_S_INSTR_BR_LINK) return BranchKind::call;
    return e.last_instr_cond != 0 ? BranchKind::cond : BranchKind::jump;
  }
  if (e.last_i_type != OCSD_INSTR_BR_INDIRECT) return BranchKind::none;
  switch (e.last_i_subtype) {
    case OCSD_S_INSTR_BR_LINK:
      return BranchKind::indirect_call;
    case OCSD_S_INSTR_V8_RET:
    case OCSD_S_INSTR_V7_IMPLIED_RET:
      return BranchKind::ret;
    case OCSD_S_INSTR_V8_ERET:
      return BranchKind::far;
    default:
      return BranchKind::indirect_jump;
  }
}

Isa isa_of(ocsd_isa isa) {
  return isa == ocsd_isa_aarch64 ? Isa::a64 : isa == ocsd_isa_thumb2 || isa == ocsd_isa_tee ? Isa::t32 : Isa::a32;
}

std::string last_words() {
  std::array<uint64_t, 2> index{};  // the library's index may have 64 bits where its headers say 32
  uint8_t id = 0;
  char text[512] = "";
  if (ocsd_get_last_err(reinterpret_cast<ocsd_trc_index_t*>(index.data()), &id, text, sizeof text) == OCSD_OK) return {};
  return error_words(text);
}

void quiet_log() {
  static const ocsd_err_t once = ocsd_def_errlog_init(OCSD_ERR_SEV_ERROR, 0);
  (void)once;
}

std::string words_of(ocsd_err_t error) {
  char text[256] = "";
  ocsd_err_str(error, text, sizeof text);
  return text;
}

// A decode tree and what becomes of its answers, for decoding and for listing packets.
class Handle {
 public:
  Handle() = default;
  explicit Handle(bool frames) : frames_(frames) {
    quiet_log();
    handle_ = ocsd_create_dcd_tree(frames ? OCSD_TRC_SRC_FRAME_FORMATTED : OCSD_TRC_SRC_SINGLE,
                                   OCSD_DFRMTR_FRAME_MEM_ALIGN | OCSD_DFRMTR_RESET_ON_4X_FSYNC);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (handle_ != nullptr) ocsd_destroy_dcd_tree(handle_);
  }
  [[nodiscard]] dcd_tree_handle_t get() const { return handle_; }

  Result<uint8_t> add(const TraceUnit& unit, int flags) {
    if (handle_ == nullptr) return fail("cannot decode: OpenCSD is out of memory");
    Config config = config_of(unit);
    const Protocol protocol = protocol_of(unit);
    uint8_t id = 0;
    const ocsd_err_t error = ocsd_dt_create_decoder(handle_, protocol.decoder, flags, &config, &id);
    if (error != OCSD_OK)
      return fail(fmt::format("cannot decode: OpenCSD refuses the {} trace unit of cpu {}: {}", protocol.decoder, unit.cpu,
                              words_of(error)));
    return id;
  }
  // Feeds everything. `broken(from, to, words)`: decoding could not go on at `from`, and does so at `to`.
  template <class Broken>
  void feed(std::span<const std::byte> trace, const bool& go, Broken&& broken) {
    start(0);
    advance(trace, trace.size(), go, broken);
    end(go);
    check_rest(trace, go, broken);
  }
  // The same in steps: from an offset on (a frame's begin), up to another one.
  void start(uint64_t at) {
    base_ = at;
    (void)op(OCSD_OP_RESET);
  }
  template <class Broken>
  void advance(std::span<const std::byte> trace, uint64_t to, const bool& go, Broken&& broken) {
    const uint64_t size = whole(trace);
    for (to = std::min(to, size); base_ < to && go;) {
      const auto part = static_cast<uint32_t>(std::min<uint64_t>(to - base_, kPart));
      uint32_t used = 0;
      auto answer = data(trace.subspan(base_, part), used);
      used = std::min(used, part);
      while (go && OCSD_DATA_RESP_IS_WAIT(answer)) answer = op(OCSD_OP_FLUSH);
      const uint64_t from = base_;
      base_ += used;
      if (!go || (!OCSD_DATA_RESP_IS_FATAL(answer) && used != 0)) continue;
      if (base_ == from || frames_) base_ = frames_ ? from + used / kFrameSize * kFrameSize + kFrameSize : from + 1;
      base_ = std::min(base_, size);
      (void)op(OCSD_OP_RESET);
      broken(from + used, base_, last_words());
    }
  }
  void end(const bool& go) {
    if (go) (void)op(OCSD_OP_EOT);
  }
  template <class Broken>
  void check_rest(std::span<const std::byte> trace, const bool& go, Broken&& broken) const {
    const auto rest = trace.subspan(whole(trace));  // zeros are padding
    if (go && std::any_of(rest.begin(), rest.end(), [](std::byte b) { return b != std::byte{0}; }))
      broken(whole(trace), trace.size(), "a frame is cut short");
  }
  // Frames that are fed next begin with this unit's trace: as if a frame in front said so.
  void name_source(uint8_t id) {
    std::array<std::byte, kFrameSize> frame{std::byte{1}};
    frame[kFrameSize - 2] = static_cast<std::byte>(id << 1 | 1);
    uint32_t used = 0;
    base_ -= kFrameSize;
    (void)data(frame, used);
    base_ += kFrameSize;
  }
  // Where an index of the library is in the trace. It may lie a little in front of the part that is fed.
  [[nodiscard]] uint64_t offset_of(ocsd_trc_index_t index) const {
    const auto ahead = static_cast<int32_t>(static_cast<uint32_t>(index) - static_cast<uint32_t>(base_));
    return ahead < 0 && static_cast<uint64_t>(-int64_t{ahead}) > base_ ? 0 : base_ + static_cast<int64_t>(ahead);
  }

 private:
  static constexpr uint64_t kPart = 1u << 26;  // bytes: whole frames
  [[nodiscard]] uint64_t whole(std::span<const std::byte> trace) const {
    return frames_ ? trace.size() / kFrameSize * kFrameSize : trace.size();
  }
  ocsd_datapath_resp_t data(std::span<const std::byte> part, uint32_t& used) {
    return ocsd_dt_process_data(handle_, OCSD_OP_DATA, static_cast<ocsd_trc_index_t>(base_),
                                static_cast<uint32_t>(part.size()), reinterpret_cast<const uint8_t*>(part.data()), &used);
  }
  ocsd_datapath_resp_t op(ocsd_datapath_op_t operation) {
    uint32_t used = 0;
    return ocsd_dt_process_data(handle_, operation, static_cast<ocsd_trc_index_t>(base_), 0, nullptr, &used);
  }
  dcd_tree_handle_t handle_ = nullptr;
  bool frames_ = false;
  uint64_t base_ = 0;  // of the part that is fed
};

}  // namespace

struct Tree::Impl {
  explicit Impl(bool frames) : handle(frames) {}
  Handle handle;
  TreeClient* client = nullptr;
  bool go = true;
  bool call3 = false;  // exceptions are numbered as ETMv3 and PTM do
  bool el2 = false;    // the context id is in the place of the VMID
  std::vector<uint8_t> ids;
  std::span<const std::byte> trace;  // the piece
  bool running = false;              // the library decodes it
  uint64_t damage = 0, bad = 0;      // elements about damage, bad packets: in this piece
  uint64_t before = 0;               // bad_packets() at the start

  ocsd_datapath_resp_t send(const Element& out) {
    damage += out.words.empty() ? 0 : 1;
    if (go) go = client->on_element(out);
    return go ? OCSD_RESP_CONT : OCSD_RESP_WAIT;
  }
  void lose(uint64_t from, uint64_t to, std::string words) {
    Element out;
    out.kind = Element::Kind::error;
    out.offset = from, out.end = to;
    out.words = words.empty() ? "OpenCSD stopped" : std::move(words);
    (void)send(out);
  }
  ocsd_datapath_resp_t on(ocsd_trc_index_t index, const ocsd_generic_trace_elem& e);
  [[nodiscard]] uint64_t bad_packets() const;  // since it was made; not every protocol counts
  static bool set_flow(Element& out, const ocsd_generic_trace_elem& e);
  bool set_state(Element& out, const ocsd_generic_trace_elem& e) const;

  static ocsd_datapath_resp_t on_element(const void* self, const ocsd_trc_index_t index, const uint8_t,
                                         const ocsd_generic_trace_elem* e) {
    return static_cast<Impl*>(const_cast<void*>(self))->on(index, *e);
  }
  static uint32_t read(const void* self, const ocsd_vaddr_t address, const ocsd_mem_space_acc_t, const uint8_t,
                       const uint32_t size, uint8_t* out) {
    return static_cast<Impl*>(const_cast<void*>(self))->client->read(address, {out, size});
  }
};

// Elements about instructions; false: it is none.
bool Tree::Impl::set_flow(Element& out, const ocsd_generic_trace_elem& e) {
  using Kind = Element::Kind;
  switch (e.elem_type) {
    case OCSD_GEN_TRC_ELEM_INSTR_RANGE:
      out.kind = Kind::range;
      out.branch = kind_of(e);
      out.taken = e.last_instr_exec != 0;
      out.last_size = e.last_instr_sz;
      out.insns = e.num_instr_range;
      break;
    case OCSD_GEN_TRC_ELEM_I_RANGE_NOPATH:
      out.kind = Kind::unclear;
      out.insns = e.num_instr_range;
      break;
    case OCSD_GEN_TRC_ELEM_ADDR_NACC:
      out.kind = Kind::no_memory;
      break;
    default:
      return false;
  }
  out.isa = isa_of(e.isa);
  out.address = e.st_addr;
  out.end = e.en_addr;
  return true;
}

// Elements about the trace and the core; false: of none that we ask for.
bool Tree::Impl::set_state(Element& out, const ocsd_generic_trace_elem& e) const {
  using Kind = Element::Kind;
  switch (e.elem_type) {
    case OCSD_GEN_TRC_ELEM_NO_SYNC:
      out.kind = Kind::unsynced;
      if (e.unsync_eot_info == UNSYNC_BAD_PACKET) out.words = last_words();
      if (e.unsync_eot_info == UNSYNC_BAD_PACKET && out.words.empty()) out.words = "a bad packet";
      if (e.unsync_eot_info == UNSYNC_OVERFLOW) out.kind = Kind::overflow;
      return true;
    case OCSD_GEN_TRC_ELEM_TRACE_ON:
      out.kind = e.trace_on_reason == TRACE_ON_OVERFLOW ? Kind::overflow : Kind::on;
      out.known = true;
      return true;
    case OCSD_GEN_TRC_ELEM_EXCEPTION:
      out.kind = Kind::exception;
      out.known = e.excep_ret_addr != 0;
      out.address = e.en_addr;
      out.call = call3 ? std::find(kCalls3.begin(), kCalls3.end(), e.exception_number) != kCalls3.end()
                       : e.exception_number == kCall4;
      return true;
    case OCSD_GEN_TRC_ELEM_PE_CONTEXT:
      out.kind = Kind::context;
      out.known = el2 ? e.context.vmid_valid != 0 : e.context.ctxt_id_valid != 0;
      out.thread = el2 ? e.context.vmid : e.context.context_id;
      return true;
    case OCSD_GEN_TRC_ELEM_TIMESTAMP:
      out.kind = Kind::time;
      out.time = e.timestamp;
      return true;
    default:
      return false;
  }
}

ocsd_datapath_resp_t Tree::Impl::on(ocsd_trc_index_t index, const ocsd_generic_trace_elem& e) {
  if (!go) return OCSD_RESP_WAIT;
  Element out;
  out.offset = handle.offset_of(index);
  if (!set_flow(out, e) && !set_state(out, e)) return OCSD_RESP_CONT;
  return send(out);
}

uint64_t Tree::Impl::bad_packets() const {
  uint64_t sum = 0;
  for (const uint8_t id : ids) {
    ocsd_decode_stats_t* stats = nullptr;
    if (ocsd_dt_get_decode_stats(handle.get(), id, &stats) == OCSD_OK && stats != nullptr)
      sum += uint64_t{stats->bad_header_errs} + stats->bad_sequence_errs;
  }
  return sum;
}

Tree::Tree(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tree::Tree(Tree&&) noexcept = default;
Tree& Tree::operator=(Tree&&) noexcept = default;
Tree::~Tree() = default;

Result<Tree> Tree::create(std::span<const TraceUnit> units, bool frames) {
  auto impl = std::make_unique<Impl>(frames);
  for (const TraceUnit& unit : units) {
    const auto id = impl->handle.add(unit, OCSD_CREATE_FLG_FULL_DECODER);
    if (!id) return tl::unexpected<Error>(id.error());
    impl->ids.push_back(*id);
    impl->call3 = unit.architecture == Architecture::etmv3;
    // TRCCONFIGR.VMIDOPT: CONTEXTIDR_EL2 is traced as the virtual context identifier.
    impl->el2 = unit.architecture != Architecture::etmv3 && (unit.config & 1u << 15) != 0;
  }
  const auto handle = impl->handle.get();
  if (handle == nullptr || ocsd_dt_set_gen_elem_outfn(handle, &Impl::on_element, impl.get()) != OCSD_OK ||
      ocsd_dt_add_callback_trcid_mem_acc(handle, 0, ~ocsd_vaddr_t{0}, OCSD_MEM_SPACE_ANY, &Impl::read, impl.get()) !=
          OCSD_OK)
    return fail("cannot decode: OpenCSD makes no decode tree of this metadata");
  return Tree(std::move(impl));
}

void Tree::feed(std::span<const std::byte> trace, TreeClient& client) {
  begin(trace, client);
  start(0, 0);
  advance(trace.size());
  finish();
}

void Tree::begin(std::span<const std::byte> trace, TreeClient& client) {
  impl_->trace = trace;
  impl_->client = &client;
  impl_->go = true;
  impl_->running = false;
  impl_->damage = impl_->bad = 0;
}

void Tree::start(uint64_t at, uint8_t id) {
  if (at == 0) impl_->damage = impl_->bad = 0;
  impl_->go = true;
  impl_->before = impl_->bad_packets();
  impl_->running = true;
  impl_->handle.start(at);
  if (id != 0) impl_->handle.name_source(id);
}

void Tree::advance(uint64_t to) {
  impl_->handle.advance(impl_->trace, to, impl_->go, [this](uint64_t from, uint64_t end, std::string words) {
    impl_->lose(from, end, std::move(words));
  });
}

void Tree::stop() {
  impl_->bad += impl_->bad_packets() - impl_->before;
  impl_->running = false;
}

void Tree::finish() {
  if (impl_->running) {
    impl_->handle.end(impl_->go);
    stop();
  }
  const auto lose = [this](uint64_t from, uint64_t end, std::string words) { impl_->lose(from, end, std::move(words)); };
  impl_->handle.check_rest(impl_->trace, impl_->go, lose);
  // What it counted but said nothing of.
  const uint64_t size = impl_->trace.size(), bad = impl_->bad;
  if (impl_->go && bad > impl_->damage) lose(size, size, fmt::format("{} more bad packets", bad - impl_->damage));
}

namespace {

// Where the packets of one trace unit go.
struct PacketSink {
  const Handle* handle;
  const std::function<bool(const decode::PacketText&)>* fn;
  bool* go;
  ocsd_trace_protocol_t protocol;

  // A monitor cannot stop the library: behind the last packet that is asked for the rest of the part goes by.
  static void on_packet(const void* self, const ocsd_datapath_op_t op, const ocsd_trc_index_t index, const void* packet,
                        const uint32_t, const uint8_t*) {
    const auto& sink = *static_cast<const PacketSink*>(self);
    if (op != OCSD_OP_DATA || !*sink.go) return;
    char text[1024] = "";
    if (ocsd_pkt_str(sink.protocol, packet, text, sizeof text) == OCSD_OK)
      *sink.go = (*sink.fn)(packet_text(sink.handle->offset_of(index), text));
  }
};

}  // namespace

Result<> list_packets(std::span<const TraceUnit> units, bool frames, std::span<const std::byte> trace,
                      const std::function<bool(const decode::PacketText&)>& fn) {
  Handle handle(frames);
  bool go = true;
  std::vector<PacketSink> sinks;
  sinks.reserve(units.size());
  for (const TraceUnit& unit : units) {
    const auto id = handle.add(unit, OCSD_CREATE_FLG_PACKET_PROC);
    if (!id) return tl::unexpected<Error>(id.error());
    sinks.push_back({&handle, &fn, &go, protocol_of(unit).number});
    if (ocsd_dt_attach_packet_callback(handle.get(), *id, OCSD_C_API_CB_PKT_MON,
                                       reinterpret_cast<void*>(&PacketSink::on_packet), &sinks.back()) != OCSD_OK)
      return fail("cannot list packets: OpenCSD does not give them");
  }
  handle.feed(trace, go, [&](uint64_t from, uint64_t, const std::string& words) { go = go && fn({from, "error", words}); });
  return {};
}

}  // namespace tracectl::coresight
