// SPDX-License-Identifier: MIT
#include "views/call_stack.hpp"

#include <string_view>

#include "decode/kernel.hpp"

namespace tracectl::views {
namespace {

using decode::BranchKind;
using decode::Place;

// gcc puts unlikely parts of `f` into a symbol of its own, `f.cold`.
std::string_view base_name(const decode::Symbol& s) {
  const std::string_view name = s.linkage;
  return name.substr(0, name.find(".cold"));
}

bool same_function(const Place& a, const Place& b) {
  if (a.file != b.file) return false;
  if (a.symbol == nullptr || b.symbol == nullptr) return a.symbol == b.symbol && a.section == b.section;
  return a.symbol == b.symbol || base_name(*a.symbol) == base_name(*b.symbol);
}

// A stub leads to the function that is meant; the kernel's return thunks only return.
bool is_stub(const Place& p) {
  return p.symbol != nullptr &&
         (p.symbol->linkage.ends_with("@plt") || p.symbol->linkage.starts_with("__x86_indirect_thunk_"));
}
bool is_return_thunk(const Place& p) {
  return p.symbol != nullptr && p.symbol->linkage.find("return_thunk") != std::string::npos;
}

bool in_kernel(uint64_t address) { return address >= decode::kKernelBegin; }

}  // namespace

void CallStack::block(const decode::Stamp& stamp, const decode::Block& b) {
  if (time_ != stamp.time) {
    time_ = stamp.time;
    locator_.advance(time_);
  }
  if (expected_ != b.ip || frames_.empty()) find_again(b.ip);
  const bool known = frames_.back().entered;
  frames_.back().insns += b.insns;
  insns_ += b.insns;
  const bool stays = b.kind == BranchKind::none || !b.taken;
  if (!stays && b.kind != BranchKind::jump && b.kind != BranchKind::indirect_jump) enter_top();
  if (known) listener_.on_run(frames_.back(), b.insns);
  expected_ = b.to;
  if (b.kind == BranchKind::syscall || b.kind == BranchKind::far) return on_far(b);
  if (stays || b.to == 0) return;
  const uint64_t behind = b.last + b.last_size;
  switch (b.kind) {
    case BranchKind::call:
    case BranchKind::indirect_call:
      // `call` to the next instruction only reads the instruction pointer.
      if (b.to != behind) push(b.to, behind);
      break;
    case BranchKind::ret:
      on_return(b.to);
      break;
    case BranchKind::jump:
    case BranchKind::indirect_jump:
    case BranchKind::cond:
      on_jump(b.to);
      break;
    default:
      break;
  }
}

// A system call, or back from the kernel. Where it went the trace may not say: then the kernel was left.
void CallStack::on_far(const decode::Block& b) {
  const uint64_t behind = b.last + b.last_size;
  if (!in_kernel(b.last)) {
    if (in_kernel(b.to)) push(b.to, behind);
    return;
  }
  for (const Frame& f : frames_)
    if (b.to != 0 && f.ret == b.to) return on_return(b.to);
  if (!in_kernel(b.to)) {
    leave_kernel();
    if (b.to != 0) find_again(b.to);
  } else if (locator_.at(b.to, time_).at_entry()) {
    push(b.to, behind);
  } else {
    on_return(b.to);
  }
}

void CallStack::leave_kernel() {
  while (!frames_.empty() && in_kernel(frames_.back().entry)) pop();
}

bool CallStack::event(const decode::Event& event) {
  using Kind = decode::Event::Kind;
  if (event.kind == Kind::overflow) gap();
  if (event.kind == Kind::async_branch && in_kernel(event.to) && !frames_.empty()) {
    push(event.to, event.ip);
    expected_ = event.to;
  }
  if (event.kind != Kind::gap && event.kind != Kind::switched) return false;
  reset();
  return true;
}

void CallStack::enter(Frame& frame, size_t depth) {
  frame.entered = true;
  listener_.on_enter(frame, depth);
  if (frame.insns != 0) listener_.on_run(frame, frame.insns);
}

void CallStack::enter_top() {
  if (frames_.empty() || frames_.back().entered) return;
  enter(frames_.back(), frames_.size() - 1);
}

void CallStack::push(uint64_t entry, uint64_t ret) {
  enter_top();
  Frame frame;
  frame.place = locator_.at(entry, time_);
  frame.entry = entry;
  frame.ret = ret;
  frame.since = insns_;
  frames_.push_back(frame);
  if (!is_stub(frame.place)) enter_top();
}

void CallStack::pop() {
  enter_top();
  const Frame frame = frames_.back();
  frames_.pop_back();
  listener_.on_leave(frame, frames_.size());
  if (!frames_.empty()) frames_.back().insns += frame.insns;
}

void CallStack::reset() {
  while (!frames_.empty()) pop();
  expected_ = 0;
}

long CallStack::frame_of(const Place& place) const {
  for (size_t i = frames_.size(); i-- > 0;)
    if (same_function(frames_[i].place, place)) return static_cast<long>(i);
  return -1;
}

void CallStack::find_again(uint64_t ip) {
  const Place place = locator_.at(ip, time_);
  if (!frames_.empty() && same_function(frames_.back().place, place)) return;
  const long known = frame_of(place);
  if (!frames_.empty() && place.at_entry()) return push(ip, 0);
  // A thread that was set aside goes on inside the kernel, somewhere above the call that set it aside.
  if (known < 0 && !frames_.empty() && in_kernel(ip) && in_kernel(frames_.back().entry)) return push(ip, 0);
  while (static_cast<long>(frames_.size()) > known + 1) pop();
  if (frames_.empty()) push(ip, 0);
}

void CallStack::on_return(uint64_t to) {
  for (size_t i = frames_.size(); i-- > 0;) {
    if (frames_[i].ret != to) continue;
    while (frames_.size() > i) pop();
    if (frames_.empty()) push(to, 0);
    return;
  }
  const Place place = locator_.at(to, time_);
  const long known = frame_of(place);
  // A handler returns to a trampoline that nobody called: the interrupted frames stay.
  const bool from_handler = frames_.size() > 1 && frames_.back().ret == 0;
  if (known < 0 && from_handler) {
    pop();
    return push(to, 0);
  }
  while (static_cast<long>(frames_.size()) > known + 1) pop();
  if (frames_.empty()) push(to, 0);
}

void CallStack::on_jump(uint64_t to) {
  Frame& top = frames_.back();
  const Place place = locator_.at(to, time_);
  if (same_function(top.place, place) || is_return_thunk(place)) return;
  if (!place.at_entry()) {
    // Into the middle of a function: back to one that waits (longjmp), else to a part of this one.
    const long known = frame_of(place);
    if (known < 0) return;
    while (static_cast<long>(frames_.size()) > known + 1) pop();
    return;
  }
  if (!top.entered) {  // a PLT stub: the function that it leads to takes its place
    top.place = place;
    top.entry = to;
    if (!is_stub(place)) enter_top();
    return;
  }
  const uint64_t ret = top.ret;
  pop();
  push(to, ret);
}

}  // namespace tracectl::views
