// SPDX-License-Identifier: MIT
// FlowWalk between two events: the bits and addresses of the trace over the graph.
#include <algorithm>

#include "backends/intel_pt/flow_walk.hpp"

namespace tracectl::intel_pt {

using decode::BranchKind;
using decode::FlowNode;

// Over nodes until there is an event, or no more trace.
FlowWalk::Step FlowWalk::blocks() {
  FlowNode* node = graph().at(ip_);
  for (;;) {
    if (packets_.bits_left() != 0 && tick_due()) {
      if (const auto step = tick_bit(node)) return *step;
      continue;
    }
    if (const auto step = by_bits(node)) return *step;
    if (!delivery_.go()) return Step::go;
    if (!node->empty() && packets_.plain() && plain(node)) continue;
    // It needs more of the trace.
    FlowNode* const from = node;
    if (from->broken) return Step::unsure;
    if (from->kind() == BranchKind::cond || (from->kind() == BranchKind::ret && packets_.tnt_next())) {
      if (!packets_.load_bits()) return Step::unsure;
      continue;
    }
    if (from->kind() == BranchKind::indirect_call) stack_.push(from->end());
    if (!leave_by_tip(node)) return Step::unsure;
    if (tick_due()) {
      if (const auto step = tick_behind(*from, node)) return *step;
      continue;
    }
    if (packets_.event_pending() || packets_.at_end()) return stop_behind(*from, node->ip());
    deliver(*from);
  }
}

// Up to the first branch that takes a bit, and over it: behind it the time is another.
std::optional<FlowWalk::Step> FlowWalk::tick_bit(FlowNode*& node) {
  const unsigned left = packets_.bits_left();
  packets_.use_bits(0);
  if (const auto step = by_bits(node)) return step;
  packets_.use_bits(left);
  if (!delivery_.go()) return Step::go;
  const FlowNode& from = *node;
  if (from.broken || (from.kind() != BranchKind::cond && from.kind() != BranchKind::ret) || !leave_by_bit(node))
    return Step::unsure;
  return tick_behind(from, node);
}

// A branch with a time of its own; `node` is where it went. The code may be another then.
std::optional<FlowWalk::Step> FlowWalk::tick_behind(const FlowNode& from, FlowNode*& node) {
  ip_ = node->ip();
  deliver(from);
  tick();
  if (!delivery_.go()) return Step::go;
  if (packets_.event_pending() || packets_.at_end()) return trailing();
  node = graph().at(ip_);
  return std::nullopt;
}

// The last block in front of an event or the end. What follows is read first, as libipt does.
FlowWalk::Step FlowWalk::stop_behind(const FlowNode& from, uint64_t to) {
  ip_ = to;
  const Step step = trailing();
  deliver(from);
  return step;
}

// Over paths as far as the bits at hand go; with `stop` the last one is left.
FlowNode* FlowWalk::by_paths(FlowNode* node, bool stop) {
  decode::FlowPaths& paths = programs_.code().paths;
  const unsigned keep = stop ? 1 : 0;
  const uint64_t bits = packets_.bits(), offset = packets_.offset();
  for (unsigned left = packets_.bits_left(); left > keep;) {
    const unsigned n = std::min(left - keep, decode::FlowPaths::kBits);
    decode::FlowPath& path = paths.at(node, decode::FlowPaths::code(bits, left, n));
    // No bit: only what ends a run, or direct branches for ever.
    if (path.bits == 0 || !push_all(path)) break;
    const bool counting = delivery_.counting();
    delivery_.begin_known(node->ip());
    if (counting) {
      paths.count(path);
      delivery_.count_known(path.insns);
    } else {
      delivery_.on_known(path.all(), path.insns, offset);
    }
    node = path.to;
    left -= path.bits;
    packets_.use_bits(left);
  }
  return node;
}

// Over nodes as far as the bits at hand go. Nothing: `node` is the first one that needs more.
std::optional<FlowWalk::Step> FlowWalk::by_bits(FlowNode*& node) {
  decode::Block* const out = run_.data();
  size_t n = 0;
  const bool stop = packets_.stop_behind_bits();
  unsigned direct = 0;
  FlowNode* at = by_paths(node, stop);
  unsigned left = packets_.bits_left();
  const uint64_t bits = packets_.bits();
  for (;;) {
    // The buffer is never full without it.
    if (direct > kMostDirect) return Step::unsure;
    FlowNode* next = nullptr;
    switch (at->kind()) {
      case BranchKind::cond: {
        if (left == 0) goto done;
        const bool taken = (bits >> --left & 1) != 0;
        next = at->next[taken ? 1 : 0];
        if (next == nullptr) next = graph().follow(*at, taken);
        out[n++] = at->block[taken ? 1 : 0];
        break;
      }
      case BranchKind::call:
        if (at->target() != at->end()) stack_.push(at->end());
        [[fallthrough]];
      case BranchKind::jump:
        next = graph().follow(*at, true);
        out[n++] = at->block[1];
        at = next;
        ++direct;
        continue;
      case BranchKind::ret: {
        if (left == 0) goto done;
        uint64_t to = 0;
        if ((bits >> --left & 1) == 0 || !stack_.pop(to)) {
          node = at;
          return Step::unsure;
        }
        next = graph().follow(*at, to);
        out[n] = at->block[1];
        out[n++].to = to;
        break;
      }
      default:
        goto done;
    }
    if (left == 0 && stop) {
      packets_.use_bits(0);
      delivery_.on_blocks({out, n - 1}, packets_.offset());
      return stop_behind(*at, next->ip());
    }
    at = next;
    direct = 0;
  }
done:
  packets_.use_bits(left);
  delivery_.on_blocks({out, n}, packets_.offset());
  node = at;
  return std::nullopt;
}

// By the branch at the end of a node, with what the trace tells of it.
bool FlowWalk::leave(FlowNode*& node) {
  if (node->kind() != BranchKind::cond && (node->kind() != BranchKind::ret || !packets_.tnt_next()))
    return leave_by_tip(node);
  return (packets_.bits_left() != 0 || packets_.load_bits()) && leave_by_bit(node);
}

bool FlowWalk::leave_by_bit(FlowNode*& node) {
  const bool taken = packets_.bit();
  if (node->kind() == BranchKind::cond) {
    node = graph().follow(*node, taken);
    return true;
  }
  uint64_t to = 0;
  if (!taken || !stack_.pop(to)) return false;
  node = graph().follow(*node, to);
  return true;
}

bool FlowWalk::leave_by_tip(FlowNode*& node) {
  uint64_t to = 0;
  if (!packets_.tip(to)) return false;
  node = graph().follow(*node, to);
  return true;
}

}  // namespace tracectl::intel_pt
