// SPDX-License-Identifier: MIT
// FlowPaths: where up to six bits lead from a node, remembered: the blocks on the way, and the node behind. Loops and
// hot code are then walked as many branches at a time as a short TNT packet has.
//
// A path goes through a return when its call is on the same path. It ends early in front of what bits alone do not tell:
// another return, an indirect branch, broken code.
// Memory: bounded (kMostBlocks, kMostHops); all is forgotten when that is used up, and when code changes.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "decode/flow_graph.hpp"

namespace tracectl::decode {

struct alignas(64) FlowPath {
  FlowNode* to = nullptr;
  const Block* blocks = nullptr;
  uint64_t count = 0;  // for who counts
  uint32_t insns = 0;  // in the blocks
  uint8_t size = 0;    // blocks; 0: none to be taken this way
  uint8_t bits = 0;    // how many it takes
  uint8_t rise = 0;    // how many calls are open at most on the way,
  uint8_t pushes = 0;  // and behind it: return addresses that it leaves on the stack, at `stack`
  const uint64_t* stack = nullptr;
  bool returns = false;  // it ends at a return that is not of its calls, and the next bit says that it is taken

  [[nodiscard]] std::span<const Block> all() const { return {blocks, size}; }
};

// The ways from one node.
struct FlowHops {
  struct Hop {
    FlowHops* next = nullptr;  // behind the path, when that takes all bits; nullptr: look at the path
    FlowPath* path = nullptr;  // nullptr: not walked yet
  };
  FlowNode* node = nullptr;
  std::array<Hop, 128> by_code;  // the bits, the first one highest, behind a 1
};

class FlowPaths {
 public:
  static constexpr unsigned kBits = 6;
  // Blocks that lead one to the other, and how often.
  using Give = std::function<void(std::span<const Block> blocks, uint64_t times)>;

  // The next `n` of `left` bits that are still to come, behind a 1. The next one is the highest.
  [[nodiscard]] static unsigned code(uint64_t bits, unsigned left, unsigned n) {
    const unsigned mask = (1u << n) - 1;
    return static_cast<unsigned>(bits >> (left - n) & mask) | (mask + 1);
  }
  explicit FlowPaths(FlowGraph& graph) : graph_(graph) {}

  [[nodiscard]] FlowHops* hops(FlowNode* node) { return node->hops != nullptr ? node->hops : make_hops(node); }
  // `code`: at most kBits bits behind a 1. Hops that were got before may be gone then, nodes are not.
  [[nodiscard]] FlowPath& at(FlowNode* from, unsigned code) {
    FlowPath* const path = hops(from)->by_code[code].path;
    return path != nullptr ? *path : make(from, code);
  }
  // Who gets what was counted, of paths and edges: when harvest() is called, and before anything is forgotten.
  void harvest_to(Give give) { give_ = std::move(give); }
  void harvest();
  void count(FlowPath& path) {
    if (path.count++ == 0) counted_.push_back(&path);
  }
  void count(FlowEdge& edge) {
    if (edge.count++ == 0) counted_edges_.push_back(&edge);
  }
  void forget();
  // Blocks of paths stay where they are for as long as this is kept, whatever is forgotten.
  [[nodiscard]] std::shared_ptr<const void> lasting() const { return blocks_; }
  // Called with it before something is forgotten.
  using Retire = std::function<void(std::shared_ptr<const void> lasting)>;
  void retire_to(Retire retire) { retire_ = std::move(retire); }

 private:
  static constexpr size_t kMostBlocks = size_t{1} << 20, kMostHops = size_t{1} << 15, kChunk = 4096, kLongest = 64;
  struct Making;
  FlowPath& make(FlowNode* from, unsigned code);
  FlowHops* make_hops(FlowNode* node);
  [[nodiscard]] bool step(Making& m, unsigned code);
  [[nodiscard]] bool told_step(Making& m, unsigned code);
  Block* room();

  // Where blocks of paths lie.
  struct Blocks {
    std::vector<std::unique_ptr<Block[]>> chunks;
    size_t chunk = 0, used = kChunk;  // in use; blocks of it
  };

  FlowGraph& graph_;
  std::deque<FlowHops> hops_;
  std::deque<FlowPath> paths_;
  std::deque<std::vector<uint64_t>> stacks_;
  std::shared_ptr<Blocks> blocks_ = std::make_shared<Blocks>();
  std::vector<FlowPath*> counted_;
  std::vector<FlowEdge*> counted_edges_;
  Give give_;
  Retire retire_;
};

// The code of one program, ready to be walked.
struct FlowCode {
  FlowCode(CodeFiles& files, ReadInsn read, const FlowRules& rules = {}) : graph(files, read, rules), paths(graph) {}
  void add(const Section& section) {
    paths.forget();
    graph.add(section);
  }
  FlowGraph graph;
  FlowPaths paths;
};

}  // namespace tracectl::decode
