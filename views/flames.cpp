// SPDX-License-Identifier: MIT
#include "views/flames.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <tuple>

namespace tracectl::views {
namespace {

// True for the `most` largest of them. Of equal ones the earlier: a caller stands before its
// callees and has no fewer instructions, so that none is kept without it.
std::vector<bool> largest(const std::vector<uint64_t>& insns, size_t most) {
  std::vector<bool> kept(insns.size(), insns.size() <= most);
  if (insns.size() <= most) return kept;
  std::vector<uint32_t> order(insns.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto before = [&insns](uint32_t a, uint32_t b) { return insns[a] != insns[b] ? insns[a] > insns[b] : a < b; };
  std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most), order.end(), before);
  for (size_t i = 0; i < most; ++i) kept[order[i]] = true;
  return kept;
}

}  // namespace

void CallChart::begin(uint32_t name, uint64_t at) {
  if (nodes_.size() >= limit_) thin_out();
  open_.push_back(static_cast<uint32_t>(nodes_.size()));
  nodes_.push_back({static_cast<uint32_t>(open_.size()) - 1, name, at, 0, 1});
}

void CallChart::end(uint64_t insns, bool forget) {
  const uint32_t node = open_.back();
  open_.pop_back();
  if (forget && node + 1 == nodes_.size())
    nodes_.pop_back();
  else
    nodes_[node].insns = insns;
}

void CallChart::thin_out() {
  std::vector<uint64_t> insns;
  insns.reserve(nodes_.size());
  for (const FlameNode& n : nodes_) insns.push_back(n.insns);
  for (const uint32_t i : open_) insns[i] = ~uint64_t{0};
  const std::vector<bool> kept = largest(insns, std::max(kMostKept / 2, open_.size()));
  size_t to = 0, open = 0;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!kept[i]) continue;
    if (open < open_.size() && open_[open] == i) open_[open++] = static_cast<uint32_t>(to);
    nodes_[to++] = nodes_[i];
  }
  left_out_ += nodes_.size() - to;
  nodes_.resize(to);
  limit_ = std::max(kMostKept, 2 * nodes_.size());
}

Flame CallChart::drawn(size_t most, uint32_t deepest) const {
  Flame out;
  out.left_out = left_out_;
  std::vector<uint64_t> insns;
  for (const FlameNode& n : nodes_) {
    insns.push_back(n.depth >= deepest ? 0 : n.insns);
    if (n.depth == 0) out.insns += n.insns;
  }
  const std::vector<bool> kept = largest(insns, most);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (kept[i] && insns[i] != 0)
      out.nodes.push_back(nodes_[i]);
    else
      ++out.left_out;
  }
  return out;
}

Flames::Flames(const std::vector<uint64_t>& charted, uint64_t only) : only_(only) {
  for (const uint64_t window : charted) charts_[window];
}

uint32_t Flames::name_of(const decode::Place& place) {
  if (place.symbol != nullptr)
    if (const auto known = symbol_ids_.find(place.symbol); known != symbol_ids_.end()) return known->second;
  const auto [at, fresh] =
      name_ids_.emplace(std::pair(place.function(), place.object()), static_cast<uint32_t>(names_.size()));
  if (fresh) names_.push_back({at->first.first, at->first.second});
  if (place.symbol != nullptr) symbol_ids_[place.symbol] = at->second;
  return at->second;
}

uint32_t Flames::child(uint32_t parent, uint32_t name) {
  const uint64_t key = uint64_t{parent} << 32 | name;
  if (const auto known = children_.find(key); known != children_.end()) return known->second;
  if (paths_.size() >= kMostPaths) {  // its instructions stay with the caller
    ++beyond_;
    return parent;
  }
  children_[key] = static_cast<uint32_t>(paths_.size());
  paths_.push_back({parent, name, 0, 0});
  return static_cast<uint32_t>(paths_.size()) - 1;
}

bool Flames::Stream::on_block(const decode::Stamp& stamp, const decode::Block& block) {
  if (const decode::Window* now = cursor_.at(stamp.time); now != window_) {
    stack_.reset();
    window_ = now;
    start_ = stack_.insns();
    const auto chart = now == nullptr ? flames_.charts_.end() : flames_.charts_.find(now->number);
    chart_ = chart == flames_.charts_.end() ? nullptr : &chart->second;
  }
  if (flames_.only_ != 0 && (window_ == nullptr || window_->number != flames_.only_)) return true;
  stack_.block(stamp, block);
  return true;
}

bool Flames::Stream::on_event(const decode::Stamp&, const decode::Event& event) {
  (void)stack_.event(event);
  return true;
}

bool Flames::Stream::on_loss(const decode::Stamp&, const decode::Loss&) {
  stack_.reset();
  return true;
}

void Flames::Stream::on_enter(Frame& frame, size_t depth) {
  const uint32_t name = flames_.name_of(frame.place);
  path_.resize(depth + 1);
  path_.push_back(flames_.child(path_.back(), name));
  ++flames_.paths_[path_.back()].calls;
  if (chart_ != nullptr) chart_->begin(name, frame.since - start_);
}

void Flames::Stream::on_leave(const Frame& frame, size_t depth) {
  // Where a window's function returned to, when nothing ran there any more, is no call.
  const bool forget = frame.insns == 0 && depth == 0 && !frame.place.at_entry();
  if (chart_ != nullptr) chart_->end(frame.insns, forget);
  if (forget) --flames_.paths_[path_.back()].calls;
  path_.resize(depth + 1);
}

Flame Flames::chart(uint64_t window, size_t most) const {
  const auto at = charts_.find(window);
  return at == charts_.end() ? Flame{} : at->second.drawn(most, kDeepest);
}

Flame Flames::merged(size_t most) const {
  std::vector<uint64_t> insns(paths_.size());
  std::vector<uint32_t> depth(paths_.size());
  for (size_t i = paths_.size(); i-- > 1;) {
    insns[i] += paths_[i].self;
    insns[paths_[i].parent] += insns[i];
  }
  insns[0] += paths_[0].self;
  Flame out;
  out.insns = insns[0];
  out.beyond = beyond_;
  std::vector<uint64_t> weight = insns;
  for (size_t i = 1; i < paths_.size(); ++i) {
    depth[i] = depth[paths_[i].parent] + 1;
    if (depth[i] > kDeepest) weight[i] = 0;
  }
  const std::vector<bool> kept = largest(weight, most + 1);
  std::vector<std::vector<uint32_t>> callees(paths_.size());
  for (uint32_t i = 1; i < paths_.size(); ++i) {
    if (kept[i] && weight[i] != 0)
      callees[paths_[i].parent].push_back(i);
    else if (insns[i] != 0)
      ++out.left_out;
  }
  const auto key = [&](uint32_t i) {
    const FlameName& n = names_[paths_[i].name];
    return std::tuple(~insns[i], std::string_view(n.function), std::string_view(n.object), i);
  };
  // At most kDeepest levels.
  const std::function<void(uint32_t, uint64_t)> walk = [&](uint32_t node, uint64_t begin) {
    if (node != 0) out.nodes.push_back({depth[node] - 1, paths_[node].name, begin, insns[node], paths_[node].calls});
    std::sort(callees[node].begin(), callees[node].end(), [&key](uint32_t a, uint32_t b) { return key(a) < key(b); });
    for (const uint32_t callee : callees[node]) {
      walk(callee, begin);
      begin += insns[callee];
    }
  };
  walk(0, 0);
  return out;
}

}  // namespace tracectl::views
