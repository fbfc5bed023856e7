// SPDX-License-Identifier: MIT
#include "decode/flow_paths.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

namespace tracectl::decode {

void FlowPaths::harvest() {
  for (FlowPath* path : counted_) give_(path->all(), std::exchange(path->count, 0));
  for (FlowEdge* edge : counted_edges_) give_({&edge->block, 1}, std::exchange(edge->count, 0));
  counted_.clear();
  counted_edges_.clear();
}

void FlowPaths::forget() {
  harvest();
  if (retire_) retire_(blocks_);
  for (const FlowHops& hops : hops_) hops.node->hops = nullptr;
  hops_.clear();
  paths_.clear();
  stacks_.clear();
  // Somebody may still read the old ones.
  if (blocks_.use_count() != 1) blocks_ = std::make_shared<Blocks>();
  std::atomic_thread_fence(std::memory_order_acquire);
  blocks_->chunk = 0;
  blocks_->used = kChunk;
}

FlowHops* FlowPaths::make_hops(FlowNode* node) {
  node->hops = &hops_.emplace_back();
  node->hops->node = node;
  return node->hops;
}

// For one path of the longest kind.
Block* FlowPaths::room() {
  Blocks& b = *blocks_;
  if (b.used + kLongest > kChunk) {
    if (!b.chunks.empty()) ++b.chunk;
    if (b.chunk == b.chunks.size()) b.chunks.push_back(std::make_unique<Block[]>(kChunk));
    b.used = 0;
  }
  return b.chunks[b.chunk].get() + b.used;
}

// A path on its way.
struct FlowPaths::Making {
  FlowNode* at;
  Block* blocks;
  unsigned bits;  // how many there are
  FlowPath path;
  std::array<uint64_t, kLongest> calls{};  // open ones
  unsigned open = 0;

  void take(const Block& block, FlowNode* to) {
    blocks[path.size++] = block;
    path.insns += block.insns;
    at = to;
  }
  void call(uint64_t back) {
    calls[open++] = back;
    path.rise = static_cast<uint8_t>(std::max<unsigned>(path.rise, open));
  }
  [[nodiscard]] bool bit(unsigned code) { return (code >> (bits - 1 - path.bits++) & 1) != 0; }
};

// The same where each node takes a bit, and returns are told by an address.
bool FlowPaths::told_step(Making& m, unsigned code) {
  FlowNode& at = *m.at;
  const bool direct = at.kind() == BranchKind::jump || at.kind() == BranchKind::call;
  if (m.path.bits == m.bits || (!direct && at.kind() != BranchKind::cond && at.kind() != BranchKind::none)) return false;
  const bool taken = (code >> (m.bits - 1 - m.path.bits) & 1) != 0;
  // Only who asks for it one by one may say what that means.
  if (direct && !taken) return false;
  ++m.path.bits;
  if (at.kind() == BranchKind::call) m.call(at.end());
  m.take(at.block[taken ? 1 : 0], graph_.follow(at, taken));
  return true;
}

// One node further; false: the path ends here.
bool FlowPaths::step(Making& m, unsigned code) {
  FlowNode& at = *m.at;
  if (at.broken || m.path.size == kLongest) return false;
  if (graph_.rules().every_end) return told_step(m, code);
  switch (at.kind()) {
    case BranchKind::cond: {
      if (m.path.bits == m.bits) return false;
      const bool taken = m.bit(code);
      m.take(at.block[taken ? 1 : 0], graph_.follow(at, taken));
      return true;
    }
    case BranchKind::call:
      // A call of what follows it only reads where it is.
      if (at.target() != at.end()) m.call(at.end());
      [[fallthrough]];
    case BranchKind::jump:
      m.take(at.block[1], graph_.follow(at, true));
      return true;
    case BranchKind::ret: {
      const bool taken = m.path.bits != m.bits && (code >> (m.bits - 1 - m.path.bits) & 1) != 0;
      m.path.returns = taken && m.open == 0;
      if (!taken || m.open == 0) return false;
      ++m.path.bits;
      Block block = at.block[1];
      block.to = m.calls[--m.open];
      m.take(block, graph_.at(block.to));
      return true;
    }
    default:
      return false;
  }
}

FlowPath& FlowPaths::make(FlowNode* from, unsigned code) {
  if (blocks_->chunk * kChunk >= kMostBlocks || hops_.size() >= kMostHops) forget();
  Making m{from, room(), static_cast<unsigned>(31 - __builtin_clz(code)), {}};
  m.path.blocks = m.blocks;
  while (step(m, code)) {
  }
  m.path.to = m.at;
  // Who comes to no instruction does not know of the last block where it went: not a way to be taken at once.
  if (m.at->empty()) m.path = {from, m.blocks};
  blocks_->used += m.path.size;
  if (m.path.size == 0) m.open = 0;
  m.path.pushes = static_cast<uint8_t>(m.open);
  if (m.open != 0) m.path.stack = stacks_.emplace_back(m.calls.begin(), m.calls.begin() + m.open).data();
  FlowPath& path = paths_.emplace_back(m.path);
  FlowHops::Hop& hop = hops(from)->by_code[code];
  hop.path = &path;
  if (path.bits == m.bits && !path.to->empty()) hop.next = hops(path.to);
  return path;
}

}  // namespace tracectl::decode
