// SPDX-License-Identifier: MIT
#include "backends/intel_pt/flow_walk.hpp"

#include <memory>

#include "backends/intel_pt/insn.hpp"

namespace tracectl::intel_pt {

using decode::BranchKind;
using decode::FlowNode;
using Type = TraceEvent::Type;

decode::FlowInsn read_flow_insn(const uint8_t* bytes, size_t size, uint64_t ip) {
  const Insn insn = decode_insn(bytes, size, ip);
  // Only a damaged trace leads past it; libipt shall say where to.
  if ((insn.special & kFaults) != 0) return {};
  return {insn.size, insn.kind, insn.special, insn.target};
}

FlowWalk::FlowWalk(std::span<const std::byte> trace, std::span<const decode::Turn> turns, decode::CodeFiles& files,
                   const TraceFacts& facts, Delivery& delivery)
    : packets_(trace, facts),
      delivery_(delivery),
      programs_(turns, [this, &files] { return new_code(files); }),
      ticks_(facts.fine_time()) {
  programs_.before_change([this] { finish(); });
}

std::unique_ptr<decode::FlowCode> FlowWalk::new_code(decode::CodeFiles& files) {
  auto code = std::make_unique<decode::FlowCode>(files, read_flow_insn);
  code->paths.harvest_to(
      [this](std::span<const decode::Block> blocks, uint64_t times) { delivery_.on_counted(blocks, times); });
  code->paths.retire_to(retire_);
  return code;
}

void FlowWalk::retire_to(const decode::FlowPaths::Retire& retire) {
  retire_ = retire;
  programs_.for_each([&retire](decode::FlowCode& code) { code.paths.retire_to(retire); });
}

void FlowWalk::finish() { programs_.code().paths.harvest(); }

FlowWalk::End FlowWalk::run(uint64_t psb, bool handed) {
  last_ = {psb, delivery_.mark()};
  seen_psb_ = psb;
  if (!handed) first_ = last_;
  stack_.clear(handed);
  have_event_ = tick_waits_ = off_ = false;
  mode_ = kNoMode;
  postponed_ = {};
  ip_ = event_time_ = 0;
  if (!packets_.start(psb, ip_, enabled_)) return End::unsure;
  return segment(trailing());
}

// What follows a step: an event to be taken, the end, or more blocks.
FlowWalk::End FlowWalk::segment(Step step) {
  while (delivery_.go()) {
    while (step == Step::event) {
      step = take_event();
      if (!delivery_.go()) return End::sink;
    }
    if (step == Step::unsure) return End::unsure;
    if (step == Step::cut) return End::cut;
    if (step == Step::end) {
      delivery_.flush(0, false);
      return End::trace;
    }
    step = next();
  }
  return End::sink;
}

FlowWalk::Step FlowWalk::status() { return packets_.at_end() && !have_event_ ? Step::end : Step::go; }

FlowWalk::Step FlowWalk::next() {
  if (!fetch_event()) return Step::unsure;
  if (have_event_) return event_flow();
  if (!enabled_ || mode_ != kLongMode) return Step::unsure;
  return blocks();
}

// Over a whole node without trace.
FlowWalk::Way FlowWalk::past(const FlowNode& node) {
  if (node.broken) return Way::unsure;
  const bool direct = node.kind() == BranchKind::jump || node.kind() == BranchKind::call;
  const bool calls = node.kind() == BranchKind::call || node.kind() == BranchKind::indirect_call;
  if (calls && node.target() != node.end()) stack_.push(node.end());
  if (!direct) return Way::branch;
  deliver(node);
  ip_ = node.target();
  return Way::part;
}

// Without trace: up to an address, or over a whole node. What is passed is delivered.
FlowWalk::Way FlowWalk::way_to(uint64_t ip, FlowNode*& node) {
  if (ip_ == ip) return Way::there;
  if (!enabled_) return Way::unsure;
  node = graph().at(ip_);
  if (ip > node->ip() && (ip <= node->last() || (node->broken && ip <= node->end()))) {
    if (const decode::FlowPart part = graph().until(*node, ip); part.insns != 0) {
      deliver(*node, part);
      ip_ = ip;
      return Way::there;
    }
  }
  const Way way = past(*node);
  return way == Way::part && ip_ == ip ? Way::there : way;
}

// Behind a branch that shows in the trace, or where CR3 is written: the trace stopped there.
FlowWalk::Step FlowWalk::to_disabled() {
  FlowNode* node = nullptr;
  Way way = Way::unsure;
  if (event_.ip_suppressed) {
    node = graph().at(ip_);
    way = to_special(*node, kWritesCr3) ? Way::there : past(*node);
    postponed_ = {};
  } else {
    way = way_to(event_.to, node);
  }
  switch (way) {
    case Way::there:
      return Step::event;
    case Way::part:
      return ++direct_ > kMostDirect ? Step::unsure : Step::go;
    case Way::branch:
      deliver(*node);
      // Where a call comes back to.
      ip_ = node->kind() == BranchKind::indirect_call || (node->special & kFarCall) != 0 ? node->end() : 0;
      return Step::event;
    default:
      return Step::unsure;
  }
}

FlowWalk::Step FlowWalk::to_address(uint64_t ip, bool with_trace) {
  FlowNode* node = nullptr;
  switch (way_to(ip, node)) {
    case Way::there:
      return Step::event;
    case Way::part:
      return ++direct_ > kMostDirect ? Step::unsure : Step::go;
    case Way::branch: {
      if (!with_trace) return Step::unsure;
      FlowNode* const from = node;
      direct_ = 0;
      // The call is on the stack already.
      if (!leave(node)) return Step::unsure;
      deliver(*from);
      ip_ = node->ip();
      return ip_ == ip ? Step::event : Step::go;
    }
    default:
      return Step::unsure;
  }
}

// The next instruction that an event may belong to. It is delivered, and the walk stays at it.
FlowWalk::Step FlowWalk::to_instruction(uint8_t special, bool or_far) {
  const FlowNode& node = *graph().at(ip_);
  const bool far = node.kind() == BranchKind::far || node.kind() == BranchKind::syscall;
  if (!to_special(node, special)) {
    if (!or_far || !far) {
      if (past(node) != Way::part || ++direct_ > kMostDirect) return Step::unsure;
      return Step::go;
    }
    deliver(node);
    ip_ = node.last();
    postponed_ = {true, true, static_cast<uint8_t>(node.special & kFarCall), node.end(), 0};
  }
  postponed_.bound = static_cast<uint8_t>(1u << static_cast<unsigned>(event_.what));
  return Step::event;
}

// `where`: only that one.
bool FlowWalk::to_special(const FlowNode& node, uint8_t special, std::optional<uint64_t> where) {
  if ((node.special & special) == 0) return false;
  for (uint64_t ip = node.ip(); ip <= node.last();) {
    const decode::FlowInsn insn = graph().insn(ip);
    if (insn.size == 0) return false;
    if ((insn.special & special) != 0 && ip == where.value_or(ip)) {
      deliver(node, graph().until(node, ip + insn.size));
      ip_ = ip;
      postponed_ = {true, false, insn.special, ip + insn.size, 0};
      return true;
    }
    ip += insn.size;
  }
  return false;
}

// Its event may tell where it is.
FlowWalk::Step FlowWalk::to_ptwrite() {
  if (event_.ip_suppressed) return to_instruction(kPtwrites, false);
  const FlowNode& node = *graph().at(ip_);
  if (to_special(node, kPtwrites, event_.ip)) {
    postponed_.bound = static_cast<uint8_t>(1u << static_cast<unsigned>(event_.what));
    return Step::event;
  }
  // Behind a branch that leads to it libipt goes on with the same block.
  const bool inside = event_.ip >= node.ip() && event_.ip < node.end();
  if (inside || node.target() == event_.ip || past(node) != Way::part || ++direct_ > kMostDirect) return Step::unsure;
  return Step::go;
}

void FlowWalk::deliver(const FlowNode& n) { delivery_.on_block(n.block[1], packets_.offset()); }

void FlowWalk::deliver(const FlowNode& n, const decode::FlowPart& part) {
  delivery_.on_block({n.ip(), part.last, part.insns, part.last_size, BranchKind::none, false, 0}, packets_.offset());
}

}  // namespace tracectl::intel_pt
