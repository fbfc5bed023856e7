// SPDX-License-Identifier: MIT
#include "backends/intel_pt/flow_chunks.hpp"

#include <sched.h>

#include <algorithm>
#include <utility>

#include "backends/intel_pt/flow_walk.hpp"
#include "backends/intel_pt/sync.hpp"

namespace tracectl::intel_pt {
namespace {

// Counts are told once a chunk, items one by one.
constexpr uint64_t kCountedChunk = 8u << 20, kToldChunk = 512u << 10;  // bytes

struct Nowhere final : decode::ItemSink {
  bool on_block(const decode::Stamp&, const decode::Block&) override { return true; }
  bool on_event(const decode::Stamp&, const decode::Event&) override { return true; }
  bool on_loss(const decode::Stamp&, const decode::Loss&) override { return true; }
};

// One thread's decoder.
class ChunkWalk {
 public:
  ChunkWalk(const TraceFacts& facts, int32_t cpu, std::span<const std::byte> trace, std::span<const decode::Turn> turns)
      : delivery_(facts, cpu, nowhere_), walk_(trace, turns, files_, facts, delivery_) {
    delivery_.use(walk_.programs());
  }

  void decode(uint64_t begin, uint64_t end, FlowChunk& out) {
    decode::RecordedItems& items = out.part.items;
    walk_.retire_to([&items](std::shared_ptr<const void> lasting) { items.keep(std::move(lasting)); });
    walk_.programs().restart();
    delivery_.begin_part(out.part, walk_.programs());
    walk_.stop_at(end);
    constexpr bool kHanded = true;
    const FlowWalk::End how = walk_.run(begin, kHanded);
    walk_.finish();
    out.sure = (how == FlowWalk::End::cut || how == FlowWalk::End::trace) && !walk_.time_adds_up();
    if (how == FlowWalk::End::cut) out.end = walk_.cut();
    delivery_.end_part(out.part);
    walk_.retire_to(nullptr);
    walk_.programs().for_each([&items](const decode::FlowCode& code) { items.keep(code.paths.lasting()); });
  }

 private:
  Nowhere nowhere_;
  decode::CodeFiles files_;
  Delivery delivery_;
  FlowWalk walk_;
};

// Those that this process may use.
unsigned processors() {
  cpu_set_t set;
  const bool known = ::sched_getaffinity(0, sizeof set, &set) == 0;
  return known ? static_cast<unsigned>(CPU_COUNT(&set)) : std::thread::hardware_concurrency();
}

}  // namespace

FlowChunks::FlowChunks(const FlowThreads& threads, const TraceFacts& facts, int32_t cpu, std::span<const std::byte> trace,
                       std::span<const decode::Turn> turns, bool counted)
    : facts_(facts), cpu_(cpu), trace_(trace), turns_(turns), counted_(counted) {
  const uint64_t size = threads.chunk_bytes != 0 ? threads.chunk_bytes : counted ? kCountedChunk : kToldChunk;
  const unsigned count = threads.count != 0 ? threads.count : processors();
  // Time between branches adds up from the beginning on.
  if (count < 2 || trace.size() < 2 * size || facts.fine_time()) return;
  size_ = size;
  ahead_ = count + kAhead;
  for (unsigned i = 0; i < count; ++i) threads_.emplace_back([this] { work(); });
}

FlowChunks::~FlowChunks() {
  {
    const std::scoped_lock lock(lock_);
    over_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

// The trace is only looked at as far as it is decoded. Under lock_; false: there is no more.
bool FlowChunks::cut_one_more() {
  if (size_ == 0 || all_cut_) return false;
  const uint64_t from = psbs_.empty() ? 0 : std::max(psbs_.back() + 1, psbs_.back() / size_ * size_ + size_);
  const auto psb = find_psb(trace_, from);
  all_cut_ = !psb;
  if (all_cut_) return false;
  psbs_.push_back(*psb);
  done_.emplace_back();
  return true;
}

// False: there is no more.
bool FlowChunks::next_task(Task& task, std::unique_ptr<FlowChunk>& chunk) {
  std::unique_lock lock(lock_);
  changed_.wait(lock, [this] {
    begun_ = std::max(begun_, wanted_);
    return over_ || begun_ < wanted_ + ahead_;
  });
  while (psbs_.size() <= begun_ + 1 && cut_one_more()) {
  }
  if (over_ || begun_ >= psbs_.size()) return false;
  task = {begun_, psbs_[begun_], begun_ + 1 < psbs_.size() ? psbs_[begun_ + 1] : ~uint64_t{0}};
  ++begun_;
  chunk = nullptr;
  if (free_.empty()) return true;
  chunk = std::move(free_.back());
  free_.pop_back();
  return true;
}

void FlowChunks::work() {
  ChunkWalk walk(facts_, cpu_, trace_, turns_);
  std::unique_ptr<FlowChunk> chunk;
  for (Task task; next_task(task, chunk);) {
    if (chunk == nullptr) chunk = std::make_unique<FlowChunk>(counted_);
    walk.decode(task.begin, task.end, *chunk);
    {
      const std::scoped_lock lock(lock_);
      if (task.number >= wanted_) done_[task.number] = std::move(chunk);
    }
    changed_.notify_all();
  }
}

std::unique_ptr<FlowChunk> FlowChunks::take(uint64_t psb) {
  std::unique_lock lock(lock_);
  while ((psbs_.empty() || psbs_.back() < psb) && cut_one_more()) {
  }
  const auto at = std::lower_bound(psbs_.begin(), psbs_.end(), psb);
  const auto i = static_cast<size_t>(at - psbs_.begin());
  const bool passed = i < wanted_;
  for (; wanted_ < i; ++wanted_) done_[wanted_] = nullptr;
  changed_.notify_all();
  if (passed || i == psbs_.size() || psbs_[i] != psb) return nullptr;
  changed_.wait(lock, [&] { return done_[i] != nullptr; });
  auto out = std::move(done_[i]);
  wanted_ = i + 1;
  lock.unlock();
  changed_.notify_all();
  return out;
}

void FlowChunks::give_back(std::unique_ptr<FlowChunk> chunk) {
  chunk->part.items.clear();
  chunk->part.begin.reset();
  chunk->sure = false;
  chunk->end.reset();
  const std::scoped_lock lock(lock_);
  free_.push_back(std::move(chunk));
}

uint64_t FlowChunks::next(uint64_t psb) {
  const std::scoped_lock lock(lock_);
  while ((psbs_.empty() || psbs_.back() <= psb) && cut_one_more()) {
  }
  const auto at = std::upper_bound(psbs_.begin(), psbs_.end(), psb);
  return at == psbs_.end() ? ~uint64_t{0} : *at;
}

}  // namespace tracectl::intel_pt
