// SPDX-License-Identifier: MIT
#include "decode/flow_graph.hpp"

#include <algorithm>

namespace tracectl::decode {
namespace {

constexpr unsigned kFirstBits = 10;
constexpr size_t kLongestInsn = 15;  // bytes

}  // namespace

FlowGraph::FlowGraph(CodeFiles& files, ReadInsn read, const FlowRules& rules) : code_(files), read_(read), rules_(rules) {
  resize(kFirstBits);
  resize_edges(size_t{1} << kFirstBits);
}

void FlowGraph::resize(unsigned bits) {
  std::vector<FlowNode*> old(size_t{1} << bits, nullptr);
  old.swap(table_);
  mask_ = table_.size() - 1;
  shift_ = 64 - bits;
  for (FlowNode* node : old)
    if (node != nullptr) insert(node);
}

void FlowGraph::insert(FlowNode* node) {
  size_t i = slot(node->ip());
  while (table_[i] != nullptr) i = (i + 1) & mask_;
  table_[i] = node;
}

FlowNode* FlowGraph::make(uint64_t ip) {
  if (++used_ * 2 > table_.size()) resize(64 - shift_ + 1);
  FlowNode* node = nullptr;
  if (free_.empty()) {
    node = &nodes_.emplace_back();
  } else {
    node = free_.back();
    free_.pop_back();
    *node = {};
  }
  node->block[0].ip = ip;
  fill(*node);
  insert(node);
  return node;
}

// `bytes`: what is left of the section of `ip`, if known.
FlowInsn FlowGraph::insn_at(uint64_t ip, std::span<const uint8_t>& bytes) const {
  if (bytes.empty()) bytes = code_.at(ip);
  if (bytes.empty()) return {};
  if (bytes.size() >= kLongestInsn) return read_(bytes.data(), bytes.size(), ip);
  uint8_t joined[kLongestInsn];
  return read_(joined, code_.read(ip, joined), ip);
}

void FlowGraph::fill(FlowNode& node) {
  node.sizes = static_cast<uint32_t>(sizes_.size());
  Block& b = node.block[0];
  b.isa = rules_.isa;
  FlowInsn insn;
  std::span<const uint8_t> bytes;
  for (b.to = b.ip; insn.kind == BranchKind::none && !insn.ends; b.to += insn.size) {
    insn = insn_at(b.to, bytes);
    if (insn.size == 0 || b.insns == kMostInsns) {
      node.broken = true;
      insn.kind = BranchKind::none;
      break;
    }
    bytes = bytes.subspan(std::min<size_t>(bytes.size(), insn.size));
    sizes_.push_back(insn.size);
    ++b.insns;
    b.last = b.to;
    b.last_size = insn.size;
    node.special |= insn.special;
  }
  b.kind = insn.kind;
  node.block[1] = b;
  node.block[1].to = insn.target;
  // A branch to what follows it anyway is not seen to be taken.
  b.taken = b.kind != BranchKind::cond && b.kind != BranchKind::none;
  node.block[1].taken = b.taken || insn.target != b.to;
  if (!rules_.every_end) return;
  b.taken = false;
  node.block[1].taken = b.kind != BranchKind::none;
}

size_t FlowGraph::edge_slot(const FlowEdge& edge) const {
  const auto key = (reinterpret_cast<uintptr_t>(edge.from) * 31 + edge.ip) * 0x9e3779b97f4a7c15u;
  return (key >> 20) & (edge_table_.size() - 1);
}

void FlowGraph::resize_edges(size_t size) {
  edge_table_.assign(size, nullptr);
  for (FlowEdge& edge : edges_) {
    size_t i = edge_slot(edge);
    while (edge_table_[i] != nullptr) i = (i + 1) & (size - 1);
    edge_table_[i] = &edge;
  }
}

FlowEdge* FlowGraph::find_edge(FlowNode& from, uint64_t to) {
  FlowEdge wanted{to, &from, nullptr, 0, from.block[1]};
  wanted.block.to = to;
  const size_t mask = edge_table_.size() - 1;
  size_t i = edge_slot(wanted);
  for (; edge_table_[i] != nullptr; i = (i + 1) & mask)
    if (edge_table_[i]->from == &from && edge_table_[i]->ip == to) return edge_table_[i];
  wanted.to = at(to);
  edge_table_[i] = &edges_.emplace_back(wanted);
  FlowEdge* const made = edge_table_[i];
  if (edges_.size() * 2 > edge_table_.size()) resize_edges(edge_table_.size() * 2);
  return made;
}

FlowPart FlowGraph::until(const FlowNode& node, uint64_t stop) const {
  FlowPart part;
  uint64_t ip = node.ip();
  for (uint32_t i = 0; i < node.insns() && ip < stop; ++i) {
    part = {i + 1, ip, sizes_[node.sizes + i]};
    ip += part.last_size;
  }
  return ip == stop ? part : FlowPart{};
}

void FlowGraph::add(const Section& section) {
  code_.add(section);
  if (!edges_.empty()) {
    edges_.clear();
    resize_edges(size_t{1} << kFirstBits);
  }
  const uint64_t end = section.address + section.size;
  std::vector<FlowNode*> kept;
  for (FlowNode* node : table_) {
    if (node == nullptr) continue;
    node->next[0] = node->next[1] = nullptr;
    node->edge = node->other = nullptr;
    // A run that was broken may go on where there is code now.
    if (node->broken || (node->ip() < end && node->end() > section.address))
      free_.push_back(node);
    else
      kept.push_back(node);
  }
  if (kept.size() == used_) return;
  std::fill(table_.begin(), table_.end(), nullptr);
  used_ = kept.size();
  for (FlowNode* node : kept) insert(node);
}

}  // namespace tracectl::decode
