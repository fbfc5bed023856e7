// SPDX-License-Identifier: MIT
// FlowGraph: the control flow of one program as nodes, each decoded once: a straight run of instructions, what its last
// one does, and the nodes that may follow. A front end (Intel PT; others fit) walks it with the bits of a trace.
//
// The instruction set is the front end's: it gives the function that reads one instruction.
// Nodes are made when they are first asked for. When code changes, the nodes over it are forgotten and no pointer to any
// node may be kept. One thread walks a graph.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "decode/code_bytes.hpp"
#include "decode/item.hpp"

namespace tracectl::decode {

struct FlowInsn {
  uint8_t size = 0;  // bytes; 0: no instruction
  BranchKind kind = BranchKind::none;
  uint8_t special = 0;  // bits of the front end's: it must look at the instruction
  uint64_t target = 0;  // of a direct branch
  bool ends = false;    // it ends a node although it does not branch; target is what follows it
};

// What a trace tells of a branch.
struct FlowRules {
  Isa isa = Isa::x86_64;
  // Each instruction that ends a node is told to be taken or not: unconditional branches and those that only end it too.
  bool every_end = false;
};

// Reads the instruction at `ip` from at most `size` bytes.
using ReadInsn = FlowInsn (*)(const uint8_t* bytes, size_t size, uint64_t ip);

struct FlowEdge;
struct FlowHops;  // flow_paths.hpp

struct FlowNode {
  FlowNode* next[2] = {nullptr, nullptr};  // not taken, taken; filled when first walked
  // As it is delivered, not taken and taken; `to` is behind the last instruction, and a direct branch's target.
  Block block[2];
  FlowEdge* edge = nullptr;   // where a return or an indirect branch went last,
  FlowEdge* other = nullptr;  // and before that
  FlowHops* hops = nullptr;   // FlowPaths keeps them
  bool broken = false;        // it runs into something that is no instruction, or is absurdly long
  uint8_t special = 0;        // of its instructions
  uint32_t sizes = 0;         // of its instructions: where in FlowGraph's pool

  [[nodiscard]] bool empty() const { return block[0].insns == 0; }  // no instruction here
  [[nodiscard]] uint64_t ip() const { return block[0].ip; }
  [[nodiscard]] uint64_t last() const { return block[0].last; }
  [[nodiscard]] uint32_t insns() const { return block[0].insns; }
  [[nodiscard]] BranchKind kind() const { return block[0].kind; }
  // Behind the last instruction; what a direct branch goes to.
  [[nodiscard]] uint64_t end() const { return block[0].to; }
  [[nodiscard]] uint64_t target() const { return block[1].to; }
};

// A return or an indirect branch, and one place where it went.
struct FlowEdge {
  uint64_t ip = 0;  // of `to`
  FlowNode* from = nullptr;
  FlowNode* to = nullptr;
  uint64_t count = 0;  // for who counts
  Block block;         // `from`, as it is delivered
};

// The first instructions of a node, up to an address.
struct FlowPart {
  uint32_t insns = 0;  // 0: no instruction begins at the address
  uint64_t last = 0;
  uint8_t last_size = 0;
};

class FlowGraph {
 public:
  FlowGraph(CodeFiles& files, ReadInsn read, const FlowRules& rules = {});
  FlowGraph(const FlowGraph&) = delete;
  FlowGraph& operator=(const FlowGraph&) = delete;

  [[nodiscard]] FlowNode* at(uint64_t ip) {
    for (size_t i = slot(ip);; i = (i + 1) & mask_) {
      FlowNode* node = table_[i];
      if (node == nullptr) return make(ip);
      if (node->ip() == ip) return node;
    }
  }
  [[nodiscard]] FlowNode* follow(FlowNode& from, bool taken) {
    FlowNode*& next = from.next[taken ? 1 : 0];
    if (next == nullptr) next = at(from.block[taken ? 1 : 0].to);
    return next;
  }
  [[nodiscard]] FlowEdge& edge(FlowNode& from, uint64_t to) {
    if (from.edge != nullptr && from.edge->ip == to) return *from.edge;
    std::swap(from.edge, from.other);
    if (from.edge == nullptr || from.edge->ip != to) from.edge = find_edge(from, to);
    return *from.edge;
  }
  [[nodiscard]] FlowNode* follow(FlowNode& from, uint64_t to) { return edge(from, to).to; }
  // `stop` lies in the node, behind its first instruction and not behind its last one's end.
  [[nodiscard]] FlowPart until(const FlowNode& node, uint64_t stop) const;
  [[nodiscard]] FlowInsn insn(uint64_t ip) const {
    std::span<const uint8_t> unknown;
    return insn_at(ip, unknown);
  }
  // Code that was not there before, or other code than before. Every pointer to a node or edge is stale.
  void add(const Section& section);
  [[nodiscard]] const FlowRules& rules() const { return rules_; }

 private:
  static constexpr uint32_t kMostInsns = 0xffff;  // of a node
  [[nodiscard]] size_t slot(uint64_t ip) const { return (ip * 0x9e3779b97f4a7c15u) >> shift_; }
  FlowNode* make(uint64_t ip);
  void fill(FlowNode& node);
  [[nodiscard]] FlowInsn insn_at(uint64_t ip, std::span<const uint8_t>& bytes) const;
  void insert(FlowNode* node);
  void resize(unsigned bits);
  FlowEdge* find_edge(FlowNode& from, uint64_t to);
  [[nodiscard]] size_t edge_slot(const FlowEdge& edge) const;
  void resize_edges(size_t size);

  CodeBytes code_;
  ReadInsn read_;
  FlowRules rules_;
  std::deque<FlowNode> nodes_;
  std::vector<FlowNode*> free_;
  std::vector<FlowNode*> table_;
  std::vector<uint8_t> sizes_;
  std::deque<FlowEdge> edges_;
  std::vector<FlowEdge*> edge_table_;
  size_t used_ = 0, mask_ = 0;
  unsigned shift_ = 0;
};

}  // namespace tracectl::decode
