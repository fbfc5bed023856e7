// SPDX-License-Identifier: MIT
// FlowWalk between two addresses: the atoms over the graph.
#include <algorithm>

#include "backends/coresight/flow_walk.hpp"

namespace tracectl::coresight {

using decode::BranchKind;
using decode::FlowNode;

// Atoms of one packet, or of several.
struct FlowWalk::Run {
  FlowNode* node = nullptr;  // where they begin, and lead to
  uint64_t bits = 0;
  unsigned left = 0;
  bool last = false;  // none follow at once
  uint64_t offset = 0;
  ReturnStack& stack;
};

namespace {

// Only looks whether the way is known.
struct Nothing {
  void path(decode::FlowPath&, uint64_t) {}
  void block(const decode::Block&, uint64_t) {}
  void hold(const decode::Block&, uint64_t) {}
};

struct Give {
  Walk& walk;
  FlowSink& sink;
  decode::FlowPaths& paths;

  void path(decode::FlowPath& path, uint64_t offset) {
    if (!sink.counts_only() || walk.waits()) return walk.on_blocks(path.all(), offset);
    const decode::Stamp& stamp = walk.follows(path.blocks[0].ip, offset);
    if (!walk.go()) return;
    sink.count(stamp, path);
    paths.count(path);
  }
  void block(const decode::Block& block, uint64_t offset) { walk.on_blocks({&block, 1}, offset); }
  void hold(const decode::Block& block, uint64_t offset) { walk.hold(block, offset); }
};

bool is_direct(BranchKind kind) { return kind == BranchKind::jump || kind == BranchKind::call; }
bool is_indirect(BranchKind kind) { return !is_direct(kind) && kind != BranchKind::cond && kind != BranchKind::none; }

}  // namespace

// Over nodes until the atoms are used up. False: they lead where only OpenCSD knows what that means. The last block of
// all is held back: what follows may tell otherwise.
template <class Out>
bool FlowWalk::follow(Run& run, Out& out) {
  while (run.left != 0) {
    if (const unsigned keep = run.last ? 1 : 0; run.left > keep) {
      const unsigned n = std::min(run.left - keep, decode::FlowPaths::kBits);
      decode::FlowPath& path = code_->paths.at(run.node, decode::FlowPaths::code(run.bits, run.left, n));
      if (path.bits != 0) {
        for (unsigned i = 0; returns_ && i < path.pushes; ++i) run.stack.push(path.stack[i]);
        run.node = path.to;
        run.left -= path.bits;
        out.path(path, run.offset);
        continue;
      }
    }
    FlowNode& node = *run.node;
    const bool taken = (run.bits >> --run.left & 1) != 0;
    const BranchKind kind = node.kind();
    const bool indirect = is_indirect(kind);
    if (node.broken || (!taken && (indirect || is_direct(kind)))) return false;
    if (kind == BranchKind::call || kind == BranchKind::indirect_call) run.stack.push(node.end());
    decode::Block block = node.block[taken ? 1 : 0];
    if (run.left == 0 && run.last) {
      out.hold(block, run.offset);
      run.node = indirect ? nullptr : &node;
      ip_ = block.to;
      return true;
    }
    if (!indirect) {
      run.node = code_->graph.follow(node, taken);
    } else {
      if (!returns_ || !run.stack.pop(block.to)) return false;
      run.node = code_->graph.follow(node, block.to);
    }
    out.block(block, run.offset);
  }
  return true;
}

// Can each branch that the next `packets` packets of atoms give no address be found, from `run` on? OpenCSD tells nothing of
// a packet in which one cannot, nor of what waited for it.
bool FlowWalk::returns_known(const Run& run, uint64_t at, unsigned packets) {
  uint32_t most = 0;
  for (uint64_t i = at; i < std::min<uint64_t>(at + packets, bytes_.size()); ++i) most += kAtoms[bytes_[i]].count;
  if (most <= run.stack.depth()) return true;
  ReturnStack stack = run.stack;
  Run trial{run.node, 0, 0, false, 0, stack};
  const uint64_t ip = ip_;
  Nothing nothing;
  bool known = true;
  for (; packets != 0 && known && !trial.last && at != bytes_.size(); --packets) {
    const Atoms atoms = kAtoms[bytes_[at]];
    if (atoms.count == 0) break;
    trial.bits = atoms.bits;
    trial.left = atoms.count;
    trial.last = ++at == bytes_.size() || kAtoms[bytes_[at]].count == 0;
    known = follow(trial, nothing);
  }
  ip_ = ip;
  return known;
}

// From here to what is no atom.
bool FlowWalk::atoms() {
  if (!ready()) return false;
  if (returns_ && code_ != nullptr && stops_and_goes_on() &&
      !returns_known({code_->graph.at(ip_), 0, 0, false, 0, stack_}, at_, 1))
    return false;
  commit();
  if (!walk_.go()) return true;
  if (!program(ip_)) return false;
  Run run{code_->graph.at(ip_), 0, 0, false, 0, stack_};
  if (returns_ && !returns_known(run, at_, 1)) return false;
  const uint64_t end = bytes_.size();
  const auto add = [&](Atoms atoms) {
    run.bits = run.bits << atoms.count | atoms.bits;
    run.left += atoms.count;
    run.last = ++at_ == end || kAtoms[bytes_[at_]].count == 0;
  };
  Give give{walk_, out_, code_->paths};
  while (!run.last && walk_.go()) {
    const uint64_t begin = at_;
    run.offset = trace_.offset(at_);
    run.bits = 0;
    add(kAtoms[bytes_[at_]]);
    // Who counts does not ask for each packet's place.
    while (!run.last && !returns_ && out_.counts_only() && run.left + kAtoms[bytes_[at_]].count <= kMostBits) {
      run.offset = trace_.offset(at_);
      add(kAtoms[bytes_[at_]]);
    }
    // If the next one is not told, nor is where this one's last block led.
    const bool stop = returns_ && !run.last && !returns_known(run, begin, 2);
    run.last |= stop;
    if (!follow(run, give) || stop) return false;
  }
  need_address_ = run.node == nullptr;
  return true;
}

}  // namespace tracectl::coresight
