// SPDX-License-Identifier: MIT
#include "backends/coresight/flow_walk.hpp"

namespace tracectl::coresight {

using Kind = TracePacket::Kind;

FlowWalk::End FlowWalk::run(uint64_t sync, uint64_t at) {
  last_ = here(at);
  next_.reset();
  packets_.start();
  stack_.clear();
  waiting_.clear();
  exception_.reset();
  need_address_ = need_context_ = true;
  overflow_ = false;
  sync_ = Sync::none;
  code_ = nullptr;
  turn_ = nullptr;
  at_ = sync;
  while (walk_.go()) {
    if (at_ == bytes_.size()) {
      end_of_trace();
      return End::trace;
    }
    if (kAtoms[bytes_[at_]].count != 0) {
      if (!atoms()) return End::unsure;
      continue;
    }
    const TracePacket packet = packets_.read(at_);
    if (!take(packet)) return End::unsure;
    at_ += packet.size;
  }
  return End::sink;
}

bool FlowWalk::take(const TracePacket& p) {
  if (p.kind == Kind::unsure) return false;
  const uint64_t offset = trace_.offset(at_);
  if (sync_ != Sync::done) return unsynced(p);
  if (exception_ && p.kind != Kind::address) return false;
  switch (p.kind) {
    case Kind::sync:
      on_sync();
      return true;
    case Kind::info:
      return on_info();
    case Kind::address:
      if (exception_) return exception(p);
      on_address(p);
      break;
    case Kind::exception:
      exception_ = Waiting{p, offset};
      return true;
    case Kind::discard:
    case Kind::overflow:
      discard(p.kind == Kind::overflow, offset);
      return true;
    case Kind::context:
      need_context_ = false;
      context_ = true;
      break;
    case Kind::on:
      // Whether that empties it depends on OpenCSD's version.
      stack_.clear();
      break;
    default:
      break;
  }
  if (p.kind != Kind::skipped && (p.kind != Kind::address || p.context)) waiting_.push_back({p, offset});
  return true;
}

// Without synchronization: it must come now, and a Trace Info behind it.
bool FlowWalk::unsynced(const TracePacket& p) {
  if (sync_ == Sync::none) {
    if (p.kind != Kind::sync) return false;
    on_sync();
    sync_ = Sync::info;
    return true;
  }
  if (p.kind != Kind::info) return false;
  need_address_ = need_context_ = true;
  sync_ = Sync::done;
  return on_info();
}

// Another decoder could begin here, unless it would miss what has been read already.
void FlowWalk::on_sync() {
  next_.reset();
  if (waiting_.empty() && !overflow_ && walk_.may_mark()) next_ = here(at_);
  info_ = address_ = context_ = false;
}

bool FlowWalk::on_info() {
  info_ = true;
  stack_.clear();
  return true;
}

void FlowWalk::on_address(const TracePacket& p) {
  ip_ = p.value;
  need_address_ = false;
  address_ = true;
  if (!p.context) return;
  need_context_ = false;
  context_ = true;
}

// What waits for an atom was never executed, but time went by.
void FlowWalk::discard(bool overflow, uint64_t offset) {
  for (const Waiting& w : waiting_)
    if (w.packet.kind == Kind::time) tell(w);
  waiting_.clear();
  exception_.reset();
  overflow_ |= overflow;
  Element e;
  e.kind = overflow_ ? Element::Kind::overflow : Element::Kind::unsynced;
  e.offset = offset;
  (void)walk_.on_element(e);
  sync_ = Sync::none;
}

void FlowWalk::end_of_trace() {
  for (const Waiting& w : waiting_) {
    if (w.packet.kind == Kind::on || w.packet.kind == Kind::other) return;
    if (w.packet.kind == Kind::time) tell(w);
  }
}

void FlowWalk::tell(const Waiting& w) {
  Element e;
  e.offset = w.offset;
  switch (w.packet.kind) {
    case Kind::on:
      e.kind = overflow_ ? Element::Kind::overflow : Element::Kind::on;
      overflow_ = false;
      break;
    case Kind::time:
      e.kind = Element::Kind::time;
      e.time = w.packet.value;
      break;
    case Kind::context:
    case Kind::address:
      e.kind = Element::Kind::context;
      e.known = w.packet.known;
      e.thread = w.packet.thread;
      break;
    default:
      return;
  }
  (void)walk_.on_element(e);
}

// What waits ends the trace in front with an item, and does not change the thread.
bool FlowWalk::stops_and_goes_on() const {
  bool on = false;
  for (const Waiting& w : waiting_) {
    if (w.packet.known) return false;
    on |= w.packet.kind == Kind::on;
  }
  return on;
}

// Something was executed: what waited for that is told.
void FlowWalk::commit() {
  if (next_ && info_ && address_ && context_) last_ = *next_;
  next_.reset();
  if (waiting_.empty()) return;
  for (const Waiting& w : waiting_) tell(w);
  waiting_.clear();
}

// Is it known where the program is? A branch without an address went where the return stack says.
bool FlowWalk::ready() {
  if (sync_ != Sync::done || need_context_ || exception_) return false;
  if (!need_address_) return true;
  need_address_ = false;
  return returns_ && stack_.pop(ip_);
}

// The code that runs now, and its graph; `ip` is read next.
bool FlowWalk::program(uint64_t ip) {
  walk_.reads(ip);
  const uint64_t time = walk_.time();
  if (code_ != nullptr && turn_ == &walk_.turn() && time >= since_ && time < until_) return true;
  finish();
  turn_ = &walk_.turn();
  const FlowPrograms::Use use = programs_.use(*turn_->images, time);
  code_ = use.code;
  since_ = time;
  until_ = use.until;
  return code_ != nullptr;
}

void FlowWalk::finish() {
  if (code_ != nullptr) code_->paths.harvest();
}

// The exception's own packet is in front of this one, which tells where it returns to.
bool FlowWalk::exception(const TracePacket& address) {
  const Waiting e = *exception_;
  exception_.reset();
  // Versions of OpenCSD differ in which is told first.
  if (address.known) return false;
  if (e.packet.branch_target) {
    ip_ = address.value;
    need_address_ = false;
  }
  if (!ready() || ip_ > address.value) return false;
  commit();
  if (ip_ != address.value && !up_to(address.value, e.offset)) return false;
  Element out;
  out.kind = Element::Kind::exception;
  out.offset = e.offset;
  out.known = true;
  out.address = ip_ = address.value;
  constexpr uint8_t kCall = 2;
  out.call = e.packet.exception == kCall;
  (void)walk_.on_element(out);
  return true;
}

// From where the program is straight on.
bool FlowWalk::up_to(uint64_t ret, uint64_t offset) {
  if (!program(ip_)) return false;
  const decode::FlowNode& node = *code_->graph.at(ip_);
  if (ret > (node.broken ? node.end() : node.last())) return false;
  const decode::FlowPart part = code_->graph.until(node, ret);
  if (part.insns == 0) return false;
  walk_.hold({ip_, part.last, part.insns, part.last_size, decode::BranchKind::none, false, 0, decode::Isa::a64}, offset);
  return true;
}

}  // namespace tracectl::coresight
