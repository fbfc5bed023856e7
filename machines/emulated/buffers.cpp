// SPDX-License-Identifier: MIT
#include "machines/emulated/buffers.hpp"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <new>

#include "core/clock.hpp"
#include "core/perf/record_build.hpp"

namespace tracectl::emulated {

namespace {
std::span<const std::byte> bytes_of(const void* p, size_t n) { return {static_cast<const std::byte*>(p), n}; }
}  // namespace

Result<ThreadBuffers> ThreadBuffers::create(uint32_t idx, int32_t pid, int32_t tid, uint64_t data_size, uint64_t aux_size) {
  ThreadBuffers b;
  b.fd_ = Fd(memfd_create("tracectl-aux", MFD_CLOEXEC));
  const uint64_t size = kPageSize + data_size + kStateSize + aux_size;
  if (!b.fd_ || ftruncate(b.fd_.get(), static_cast<off_t>(size)) != 0)
    return fail_errno(fmt::format("making {} bytes of trace buffers for thread {}", size, tid),
                      "make [buffer] size smaller");
  b.map_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, b.fd_.get(), 0);
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
  new (static_cast<char*>(b.map_) + kPageSize + data_size) ThreadState;
  return b;
}

ThreadBuffers::ThreadBuffers(ThreadBuffers&& o) noexcept
    : fd_(std::move(o.fd_)),
      map_(std::exchange(o.map_, nullptr)),
      data_size_(o.data_size_),
      aux_size_(o.aux_size_),
      idx_(o.idx_),
      pid_(o.pid_),
      tid_(o.tid_) {}

ThreadBuffers::~ThreadBuffers() {
  if (map_ != nullptr) munmap(map_, kPageSize + data_size_ + kStateSize + aux_size_);
}

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
  s.space.fetch_add(1);  // seq_cst: pairs with the plugin's waits-then-look
  if (s.space_waits.load() != 0) syscall(SYS_futex, &s.space, FUTEX_WAKE, 1 << 30, nullptr, nullptr, 0);
}

Result<> ThreadBuffers::complete(capture::Writer& writer) const {
  const ThreadState& s = state();
  std::vector<uint8_t> tail;
  // From aux_head, not from s.published: the thread may have died between the two.
  const uint64_t drained = static_cast<const perf_event_mmap_page*>(map_)->aux_head;
  const uint64_t unpublished = std::min(s.pt.pos - drained, aux_size_);
  const auto* aux = static_cast<const uint8_t*>(map_) + kPageSize + data_size_ + kStateSize;
  for (uint64_t i = 0; i < unpublished; ++i) tail.push_back(aux[(drained + i) & (aux_size_ - 1)]);
  std::array<uint8_t, 256> last{};
  intel_pt::PtWriter w = s.pt;
  w.base = last.data();
  w.mask = last.size() - 1;
  w.pos = 0;
  if (s.enabled != 0) intel_pt::flush_tnt(w);  // and no more: the last block was entered, not done
  tail.insert(tail.end(), last.begin(), last.begin() + static_cast<std::ptrdiff_t>(w.pos));
  perf::SampleId sid;
  sid.pid = static_cast<uint32_t>(pid_);
  sid.tid = static_cast<uint32_t>(tid_);
  sid.time = std::max(monotonic_ns(), s.last_time + 1);
  char record[96];
  if (!tail.empty()) {
    sid.id = kLeaderId;
    const size_t n = perf::build_aux(record, sizeof record, sid, drained, tail.size(), 0);
    if (auto r = writer.records(bytes_of(record, n)); !r) return r;
    if (auto r = writer.aux(idx_, tid_, -1, drained, bytes_of(tail.data(), tail.size())); !r) return r;
  }
  sid.id = kSidebandId;
  sid.time += 1;
  const size_t n = perf::build_exit(record, sizeof record, sid, sid.pid, sid.pid, sid.tid, sid.tid);
  return writer.records(bytes_of(record, n));
}

}  // namespace tracectl::emulated
