// SPDX-License-Identifier: MIT
// The buffers of one traced thread, seen from the launcher: the memfd of protocol.hpp.
#pragma once

#include <cstdint>
#include <optional>

#include "core/capture/writer.hpp"
#include "core/fd.hpp"
#include "core/perf/record_build.hpp"
#include "core/resolved_plan.hpp"
#include "core/result.hpp"
#include "core/session.hpp"
#include "machines/emulated/protocol.hpp"
#include "machines/emulated/sink_memory.hpp"

namespace tracectl::emulated {

// What PERF_RECORD_AUX says of a buffer, and how its trace is completed.
struct AuxFormat {
  BackendKind backend = BackendKind::intel_pt;
  uint64_t flags = 0;    // kAuxFormatCoresightRaw
  bool no_cpu = false;   // perf::kNoCpu
  uint8_t trace_id = 0;  // 0: the trace goes into the capture as it is; else in frames
};
[[nodiscard]] AuxFormat aux_format(const ResolvedPlan& plan);

class ThreadBuffers {
 public:
  static Result<ThreadBuffers> create(uint32_t idx, int32_t pid, int32_t tid, uint64_t data_size, uint64_t aux_size,
                                      bool scatter = false, const AuxFormat& format = {});
  ThreadBuffers(ThreadBuffers&&) noexcept;
  ThreadBuffers& operator=(ThreadBuffers&&) = delete;
  ~ThreadBuffers();

  [[nodiscard]] int memory() const { return fd_.get(); }
  void forget_memory() { fd_.reset(); }  // once it was sent
  [[nodiscard]] ThreadState& state() const;
  [[nodiscard]] Channel channel() const;
  [[nodiscard]] uint32_t idx() const { return idx_; }
  [[nodiscard]] int32_t pid() const { return pid_; }
  [[nodiscard]] int32_t tid() const { return tid_; }
  [[nodiscard]] uint64_t aux_size() const { return aux_size_; }
  // What was drained, through a sink with memory of its own: how many bytes of the trace.
  Result<uint64_t> bounce(capture::Writer& writer, const perf::DataRing::Chunk& records,
                          const perf::AuxBuffer::Chunk& trace);
  // The stream position of its first byte, before the thread has begun.
  void begin_at(uint64_t position, uint64_t framed);
  [[nodiscard]] uint64_t end() const { return state().ring().pos; }
  [[nodiscard]] uint64_t framed_end() const { return sink_ ? sink_->end() : 0; }
  // Bytes of trace that the thread has written.
  [[nodiscard]] uint64_t traced() const;
  // Tells a waiting thread that there is space again.
  void wake() const;
  // The thread is dead and said no goodbye: what it had not published (with `keep`) and its
  // pending TNT bits or atoms go to the capture, with their AUX and EXIT records.
  // Both rings must have been drained.
  Result<> complete(capture::Writer& writer, bool keep);
  // Ring mode: writes what the ring of a thread holds that runs no traced code now (blocked, paused).
  // Should it go on meanwhile, what it writes over is left out.
  Result<> keep_now(capture::Writer& writer);

 private:
  ThreadBuffers() = default;
  struct Tail;
  [[nodiscard]] Tail tail() const;
  Result<> write_tail(capture::Writer& writer, const Tail& tail, perf::SampleId& sid);
  Result<> write_framed(capture::Writer& writer, uint64_t begin, std::span<const std::byte> trace, uint64_t& taken);
  [[nodiscard]] perf::SampleId sample_id() const;
  AuxFormat format_;
  Fd fd_;
  void* map_ = nullptr;
  uint64_t data_size_ = 0, aux_size_ = 0;
  uint32_t idx_ = 0;
  int32_t pid_ = 0, tid_ = 0;
  uint64_t begin_ = 0;
  uint64_t kept_ = 0;  // stream position up to which keep_now() has written
  std::optional<SinkMemory> sink_;
};

}  // namespace tracectl::emulated
