// SPDX-License-Identifier: MIT
#include "machines/emulated/buffers.hpp"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <new>

#include "backends/coresight/emulated_unit.hpp"
#include "core/clock.hpp"
#include "core/perf/record_build.hpp"

namespace tracectl::emulated {

namespace {
constexpr uint64_t kRegion = 64 * 1024;

// Regions of 64 KiB or more, at most 64 of them, in an order that is not the ring's.
void fill_topa(ThreadState& s, uint64_t aux_size) {
  s.regions = static_cast<uint32_t>(std::clamp<uint64_t>(aux_size / kRegion, 1, std::size(s.topa)));
  const unsigned bits = static_cast<unsigned>(std::bit_width(s.regions) - 1);
  for (uint32_t i = 0; i < s.regions; ++i) {
    uint32_t place = 0;  // i with its bits reversed, then all moved on by one
    for (unsigned k = 0; k < bits; ++k) place |= (i >> k & 1) << (bits - 1 - k);
    s.topa[i] = uint64_t{(place + 1) % s.regions} * (aux_size / s.regions);
  }
}

std::span<const std::byte> bytes_of(const void* p, size_t n) { return {static_cast<const std::byte*>(p), n}; }
}  // namespace

Result<ThreadBuffers> ThreadBuffers::create(uint32_t idx, int32_t pid, int32_t tid, uint64_t data_size, uint64_t aux_size,
                                            bool scatter, const AuxFormat& format) {
  ThreadBuffers b;
  b.format_ = format;
  if (format.trace_id != 0) b.sink_.emplace(format.trace_id);
  b.fd_ = Fd(memfd_create("tracectl-aux", MFD_CLOEXEC));
  const uint64_t size = kPageSize + data_size + kStateSize + aux_size;
  if (!b.fd_ || ftruncate(b.fd_.get(), static_cast<off_t>(size)) != 0)
    return fail_errno(fmt::format("making {} bytes of trace buffers for thread {}", size, tid),
                      "make [buffer] size smaller");
  b.map_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, b.fd_.get(), 0);  // its AUX part is mapped anew below
  if (b.map_ == MAP_FAILED) {
    b.map_ = nullptr;
    return fail_errno(fmt::format("mapping {} bytes of trace buffers for thread {}", size, tid),
                      "make [buffer] size smaller");
  }
  b.data_size_ = data_size;
  b.aux_size_ = aux_size;
  b.idx_ = idx;
  b.pid_ = pid;
  b.tid_ = tid;
  auto* page = static_cast<perf_event_mmap_page*>(b.map_);
  page->data_offset = kPageSize;
  page->data_size = data_size;
  page->aux_offset = kPageSize + data_size + kStateSize;
  page->aux_size = aux_size;
  const uint64_t area = page->aux_offset;
  auto* state = new (static_cast<char*>(b.map_) + kPageSize + data_size) ThreadState;
  if (format.backend == BackendKind::coresight) new (&state->etm) coresight::EtmWriter;
  if (scatter) fill_topa(*state, aux_size);
  if (!map_aux_ring(b.fd_.get(), *state, area, aux_size, static_cast<char*>(b.map_) + area))
    return fail_errno(fmt::format("mapping {} regions of trace buffer for thread {}", state->regions, tid),
                      "pages = \"contiguous\" needs fewer mappings (sysctl vm.max_map_count)");
  return b;
}

AuxFormat aux_format(const ResolvedPlan& plan) {
  const bool arm = plan.backend == BackendKind::coresight, framed = arm && plan.coresight.formatted;
  return {plan.backend, arm && !framed ? perf::kAuxFormatCoresightRaw : 0, arm,
          framed ? coresight::kEmulatedTraceId : uint8_t{0}};
}

ThreadBuffers::ThreadBuffers(ThreadBuffers&& o) noexcept
    : format_(o.format_),
      fd_(std::move(o.fd_)),
      map_(std::exchange(o.map_, nullptr)),
      data_size_(o.data_size_),
      aux_size_(o.aux_size_),
      idx_(o.idx_),
      pid_(o.pid_),
      tid_(o.tid_),
      begin_(o.begin_),
      sink_(std::move(o.sink_)) {}

ThreadBuffers::~ThreadBuffers() {
  if (map_ != nullptr) munmap(map_, kPageSize + data_size_ + kStateSize + aux_size_);
}

void ThreadBuffers::begin_at(uint64_t position, uint64_t framed) {
  if (sink_) sink_->begin_at(framed);
  auto* page = static_cast<perf_event_mmap_page*>(map_);
  ThreadState& s = state();
  begin_ = s.ring().pos = s.published = s.last_sync = page->aux_head = page->aux_tail = position;
}

uint64_t ThreadBuffers::traced() const { return state().ring().pos - begin_; }

ThreadState& ThreadBuffers::state() const {
  return *reinterpret_cast<ThreadState*>(static_cast<char*>(map_) + kPageSize + data_size_);
}

Channel ThreadBuffers::channel() const {
  auto* page = static_cast<perf_event_mmap_page*>(map_);
  const auto* base = static_cast<const std::byte*>(map_);
  Channel c;
  c.idx = idx_;
  c.pid = pid_;
  c.tid = tid_;
  c.data = perf::DataRing(page, base + kPageSize, data_size_);
  c.aux = perf::AuxBuffer(page, base + kPageSize + data_size_ + kStateSize, aux_size_);
  return c;
}

void ThreadBuffers::wake() const {
  auto& s = state();
  s.reenable.store(1, std::memory_order_release);  // pairs with the plugin's may_go_on
  s.space.fetch_add(1);                            // seq_cst: pairs with the plugin's waits-then-look
  if (s.space_waits.load() != 0) syscall(SYS_futex, &s.space, FUTEX_WAKE, 1 << 30, nullptr, nullptr, 0);
}

// What was not published: trace bytes from stream position `begin`, with the pending TNT bits or atoms.
struct ThreadBuffers::Tail {
  uint64_t begin = 0;
  std::vector<uint8_t> bytes;
};

// The bits that were collected and not written.
struct Pending {
  std::array<uint8_t, 256> bytes{};
  std::ptrdiff_t size = 0;
};

template <class Writer>
Pending flushed(Writer w, void (*flush)(Writer&)) {
  Pending out;
  w.base = out.bytes.data();
  w.mask = out.bytes.size() - 1;
  w.pos = 0;
  flush(w);
  out.size = static_cast<std::ptrdiff_t>(w.pos);
  return out;
}

static void end_of_etm(coresight::EtmWriter& w) {
  coresight::flush_atoms(w);
  coresight::put_discard(w);
}

static Pending pending_of(const ThreadState& s, BackendKind backend) {
  return backend == BackendKind::coresight ? flushed(s.etm, end_of_etm) : flushed(s.pt, intel_pt::flush_tnt);
}

ThreadBuffers::Tail ThreadBuffers::tail() const {
  const ThreadState& s = state();
  const uint64_t end = s.ring().pos;
  const Pending pending = pending_of(s, format_.backend);
  const auto oldest = [&] {
    const uint64_t pos = s.ring().pos + kWriteMargin;
    return pos > aux_size_ ? pos - aux_size_ : 0;
  };
  // From aux_head, not from s.published: the thread may have died between the two.
  const uint64_t drained = std::max<uint64_t>(static_cast<const perf_event_mmap_page*>(map_)->aux_head, kept_);
  Tail out{std::max<uint64_t>(drained, oldest()), {}};
  const auto* aux = static_cast<const uint8_t*>(map_) + kPageSize + data_size_ + kStateSize;
  for (uint64_t i = out.begin; i < end; ++i) out.bytes.push_back(aux[i & (aux_size_ - 1)]);
  // A thread that went on meanwhile has written over the oldest of it.
  const uint64_t gone = std::min(std::max(oldest(), out.begin) - out.begin, uint64_t{out.bytes.size()});
  out.bytes.erase(out.bytes.begin(), out.bytes.begin() + static_cast<std::ptrdiff_t>(gone));
  out.begin += gone;
  // And no more: the last block was entered, not done.
  if (s.enabled != 0) out.bytes.insert(out.bytes.end(), pending.bytes.begin(), pending.bytes.begin() + pending.size);
  return out;
}

perf::SampleId ThreadBuffers::sample_id() const {
  perf::SampleId sid;
  sid.pid = static_cast<uint32_t>(pid_);
  sid.tid = static_cast<uint32_t>(tid_);
  sid.time = std::max(monotonic_ns(), state().last_time + 1);
  return sid;
}

Result<> ThreadBuffers::write_framed(capture::Writer& writer, uint64_t begin, std::span<const std::byte> trace,
                                     uint64_t& taken) {
  const auto frames = sink_->take(begin, trace);
  taken = frames.taken;
  return frames.bytes.empty() ? Result<>{} : writer.aux(idx_, tid_, -1, frames.begin, frames.bytes);
}

Result<uint64_t> ThreadBuffers::bounce(capture::Writer& writer, const perf::DataRing::Chunk& records,
                                       const perf::AuxBuffer::Chunk& trace) {
  if (auto r = writer.records(sink_->place(records)); !r) return tl::unexpected<Error>(r.error());
  std::vector<std::byte> whole(trace.a.begin(), trace.a.end());
  whole.insert(whole.end(), trace.b.begin(), trace.b.end());
  uint64_t taken = 0;
  if (auto r = write_framed(writer, trace.offset, whole, taken); !r) return tl::unexpected<Error>(r.error());
  return taken;
}

Result<> ThreadBuffers::write_tail(capture::Writer& writer, const Tail& tail, perf::SampleId& sid) {
  auto trace = bytes_of(tail.bytes.data(), tail.bytes.size());
  uint64_t begin = tail.begin, told = 0;  // a thread may have died between an AUX record and its trace
  if (sink_)
    if (auto r = write_framed(writer, begin, trace, told); !r) return r;
  trace = trace.subspan(told);
  begin += told;
  if (trace.empty()) return {};
  char record[96];
  sid.id = kLeaderId;
  if (format_.no_cpu) sid.cpu = perf::kNoCpu;
  const auto aux = bytes_of(record, perf::build_aux(record, sizeof record, sid, begin, trace.size(), format_.flags));
  if (auto r = writer.records(sink_ ? std::span<const std::byte>(sink_->place({aux, {}})) : aux); !r) return r;
  return sink_ ? write_framed(writer, begin, trace, told) : writer.aux(idx_, tid_, -1, begin, trace);
}

Result<> ThreadBuffers::keep_now(capture::Writer& writer) {
  const Tail last = tail();
  auto sid = sample_id();
  kept_ = state().published = last.begin + last.bytes.size();
  state().snapshots += last.bytes.empty() ? 0 : 1;
  return write_tail(writer, last, sid);
}

Result<> ThreadBuffers::complete(capture::Writer& writer, bool keep) {
  auto sid = sample_id();
  if (keep)
    if (auto r = write_tail(writer, tail(), sid); !r) return r;
  char record[96];
  sid.id = kSidebandId;
  sid.cpu = 0;
  sid.time += 1;
  const size_t n = perf::build_exit(record, sizeof record, sid, sid.pid, sid.pid, sid.tid, sid.tid);
  return writer.records(bytes_of(record, n));
}

}  // namespace tracectl::emulated
