// SPDX-License-Identifier: MIT
#include "views/folded.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tracectl::views {
namespace {

// ';' separates frames and the last blank the count.
std::string clean(std::string name) {
  std::replace(name.begin(), name.end(), ';', ':');
  std::replace(name.begin(), name.end(), '\n', ' ');
  return name;
}

}  // namespace

Folded::Stream::Stream(Folded& folded, const StreamContext& context)
    : folded_(folded), context_(context), stack_(*context.locator, *this), cursor_(context) {
  nodes_.push_back({});
  path_.push_back(0);
}

bool Folded::Stream::on_block(const decode::Stamp& stamp, const decode::Block& block) {
  if (const decode::Window* now = cursor_.at(stamp.time); now != window_) {
    window_ = now;
    stack_.reset();
  }
  stack_.block(stamp, block);
  return true;
}

bool Folded::Stream::on_event(const decode::Stamp&, const decode::Event& event) {
  (void)stack_.event(event);
  if (event.kind == decode::Event::Kind::switched) finish();
  return true;
}

bool Folded::Stream::on_loss(const decode::Stamp&, const decode::Loss&) {
  ++losses_;
  stack_.reset();
  return true;
}

uint32_t Folded::Stream::child(uint32_t parent, const decode::Place& place) {
  uint32_t name = 0;
  const auto symbol = place.symbol == nullptr ? symbol_ids_.end() : symbol_ids_.find(place.symbol);
  if (symbol != symbol_ids_.end()) {
    name = symbol->second;
  } else {
    const auto [at, fresh] = name_ids_.emplace(clean(place.function()), static_cast<uint32_t>(names_.size()));
    if (fresh) names_.push_back(at->first);
    name = at->second;
    if (place.symbol != nullptr) symbol_ids_[place.symbol] = name;
  }
  const auto [at, fresh] = children_.emplace(uint64_t{parent} << 32 | name, static_cast<uint32_t>(nodes_.size()));
  if (fresh) nodes_.push_back({parent, name, 0});
  return at->second;
}

void Folded::Stream::on_enter(Frame& frame, size_t depth) {
  path_.resize(depth + 1);
  path_.push_back(child(path_.back(), frame.place));
}

void Folded::Stream::on_run(const Frame&, uint64_t insns) { nodes_[path_.back()].insns += insns; }

std::string Folded::Stream::text(uint32_t node) const {
  std::vector<uint32_t> names;
  for (; node != 0; node = nodes_[node].parent) names.push_back(nodes_[node].name);
  std::string out =
      clean(context_.comm.empty() ? fmt::format("{}", context_.tid) : fmt::format("{}-{}", context_.comm, context_.tid));
  for (size_t i = names.size(); i-- > 0;) out += ";" + names_[names[i]];
  return out;
}

void Folded::Stream::finish() {
  stack_.reset();
  for (uint32_t i = 1; i < nodes_.size(); ++i)
    if (nodes_[i].insns != 0) folded_.stacks_[text(i)] += std::exchange(nodes_[i].insns, 0);
}

void Folded::print(Out& out) const {
  for (const auto& [stack, insns] : stacks_) out.line(fmt::format("{} {}", stack, insns));
}

}  // namespace tracectl::views
