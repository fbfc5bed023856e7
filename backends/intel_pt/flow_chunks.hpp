// SPDX-License-Identifier: MIT
// FlowChunks: a trace cut at its PSBs and decoded by several threads ahead of who tells the items in order.
//
// Each thread has a graph of its own: nothing is shared but the bytes. What a chunk needs from in front of it (whose code
// runs, a block held back) is not known to it: Delivery::fits() tells whether it went on as it began, and who tells the
// items decodes it again if not. A chunk where the flow decoder was not sure is not kept.
// Memory: kAhead chunks more than there are threads.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "backends/intel_pt/delivery.hpp"
#include "backends/intel_pt/reference.hpp"

namespace tracectl::intel_pt {

struct FlowThreads {
  unsigned count = 0;        // 0: as many as there are processors
  uint64_t chunk_bytes = 0;  // 0: what is best
};

struct FlowChunk {
  explicit FlowChunk(bool counted) : part(counted) {}
  Delivery::Part part;
  bool sure = false;
  std::optional<uint64_t> end;  // the PSB where the next one begins; none: the trace ends
};

class FlowChunks {
 public:
  // Everything outlives it.
  FlowChunks(const FlowThreads& threads, const TraceFacts& facts, int32_t cpu, std::span<const std::byte> trace,
             std::span<const decode::Turn> turns, bool counted);
  ~FlowChunks();
  FlowChunks(const FlowChunks&) = delete;
  FlowChunks& operator=(const FlowChunks&) = delete;

  // The chunk that begins at `psb`, when there is one: waits for it. Those in front are no longer wanted.
  std::unique_ptr<FlowChunk> take(uint64_t psb);
  // Its memory is used again.
  void give_back(std::unique_ptr<FlowChunk> chunk);
  // Where the next chunk begins behind `psb`.
  [[nodiscard]] uint64_t next(uint64_t psb);

 private:
  static constexpr size_t kAhead = 2;
  void work();
  struct Task {
    size_t number = 0;
    uint64_t begin = 0, end = 0;  // PSBs; end: ~0 with the last
  };
  bool next_task(Task& task, std::unique_ptr<FlowChunk>& chunk);
  bool cut_one_more();

  const TraceFacts& facts_;
  int32_t cpu_;
  std::span<const std::byte> trace_;
  std::span<const decode::Turn> turns_;
  bool counted_;
  uint64_t size_ = 0;  // of a chunk at least, bytes; 0: there are no chunks
  std::mutex lock_;
  std::vector<uint64_t> psbs_;  // where chunks begin, ascending: as far as somebody has looked
  bool all_cut_ = false;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<FlowChunk>> done_, free_;
  size_t ahead_ = 0;  // chunks at once
  size_t begun_ = 0, wanted_ = 0;
  bool over_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tracectl::intel_pt
