// SPDX-License-Identifier: MIT
// Session: opened events while they record. It owns the drain loop: channels (one data ring
// and one AUX buffer each) are read in rounds and appended to a capture. Asio says when;
// the machine that opened the channels says what else to watch.
//
// Order: of each channel the data ring is drained before the AUX buffer that it describes,
// and a round ends when every channel was visited.
// Errors: a writer that fails (ENOSPC) ends the session; run() returns its error.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/capture/writer.hpp"
#include "core/perf/aux_buffer.hpp"
#include "core/perf/data_ring.hpp"
#include "core/resolved_plan.hpp"
#include "core/result.hpp"

namespace tracectl {

struct Channel {
  uint32_t idx = 0;
  int32_t pid = -1, tid = -1, cpu = -1;
  perf::DataRing data;
  perf::AuxBuffer aux;
  std::function<void()> space_given;  // after space went back to the writer; may be empty
  // Whole records on their way into the capture; may be empty.
  std::function<void(std::span<const std::byte>, std::span<const std::byte>)> passing;
  // Writes what was drained into the capture, where it does not go there as it is; how many bytes of the trace. May be
  // empty.
  std::function<Result<uint64_t>(const perf::DataRing::Chunk&, const perf::AuxBuffer::Chunk&)> bounce;
};

class Session {
 public:
  Session(capture::Writer& writer, const Limits& limits);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void add(Channel channel);
  // Drains it a last time and forgets it.
  void remove(uint32_t idx);
  // Everything readable now, as one round.
  void drain();

  // Calls `fn` whenever `fd` is readable (the fd stays the caller's), until it returns false.
  void watch(int fd, std::function<bool()> fn);
  // No more; before the fd is closed.
  void forget(int fd);
  // Calls `fn` on this signal instead of its default.
  void on_signal(int number, std::function<void()> fn);
  // Calls `fn` once, when CLOCK_MONOTONIC has reached `ns`; another call replaces this one.
  void wake_at(uint64_t ns, std::function<void()> fn);
  // Calls `fn` after every drain: progress, limits of the machine.
  void after_drain(std::function<void()> fn);

  // Runs until stop(), a limit, or an error.
  Result<> run();
  void stop(const std::string& reason = {});
  [[nodiscard]] const std::string& stop_reason() const;  // "" or the limit that was reached

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tracectl
