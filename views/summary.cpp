// SPDX-License-Identifier: MIT
#include "views/summary.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tracectl::views {
namespace {

using decode::BranchKind;

bool counts_as_branch(BranchKind kind) {
  return kind != BranchKind::none && kind != BranchKind::jump && kind != BranchKind::call;
}

bool is_call(BranchKind kind) { return kind == BranchKind::call || kind == BranchKind::indirect_call; }

}  // namespace

void Summary::Stream::at_time(uint64_t time) {
  if (time == time_) return;
  time_ = time;
  window_ = cursor_.at(time_);
  if (context_.locator != nullptr && context_.locator->stale(time_)) {
    fold();
    context_.locator->advance(time_);
  }
  before_ = time_;
}

void Summary::Stream::add(const decode::Block& block, uint64_t times) {
  const uint64_t insns = block.insns * times;
  if (window_ == nullptr && context_.windows != nullptr && context_.windows->between_paused())
    summary_.totals_.outside += insns;
  if (window_ != nullptr) {
    if (summary_.window_insns_.size() < window_->number) summary_.window_insns_.resize(window_->number);
    summary_.window_insns_[window_->number - 1] += insns;
  }
  Totals& t = summary_.totals_;
  t.instructions += insns;
  if (counts_as_branch(block.kind)) {
    t.branches += times;
    t.taken_branches += block.taken ? times : 0;
  }
  if (context_.locator != nullptr) edges_.add(block, times);
}

bool Summary::Stream::on_block(const decode::Stamp& stamp, const decode::Block& block) {
  at_time(stamp.time);
  if (summary_.only_ != 0 && (window_ == nullptr || window_->number != summary_.only_)) return true;
  add(block, 1);
  if (context_.locator != nullptr && std::exchange(starts_now_, false)) ++starts_[block.ip];
  return true;
}

void Summary::Stream::on_counted(const decode::Stamp& stamp, std::span<const decode::Block> blocks, uint64_t times) {
  at_time(stamp.time);
  for (const auto& block : blocks) add(block, times);
}

bool Summary::Stream::on_event(const decode::Stamp&, const decode::Event& event) {
  if (event.kind == decode::Event::Kind::enabled) starts_now_ = true;
  if (event.kind == decode::Event::Kind::switched) {
    finish();
    time_ = ~uint64_t{0};
  }
  if (event.kind == decode::Event::Kind::overflow) ++summary_.totals_.loss[LossKind::overflow];
  return true;
}

bool Summary::Stream::on_loss(const decode::Stamp&, const decode::Loss& loss) {
  if (loss.kind != LossKind::undecodable) return true;  // a record told of it: the capture's own totals have it
  ++summary_.totals_.loss[loss.kind];
  ++summary_.totals_.decode_errors;
  constexpr size_t kKinds = 50;
  auto& errors = summary_.totals_.errors;
  ++errors[errors.size() < kKinds || errors.count(loss.what) != 0 ? loss.what : "others"];
  return true;
}

void Summary::Stream::finish() {
  before_ = time_;
  if (context_.locator != nullptr) fold();
}

void Summary::Stream::fold() {
  summary_.fold(edges_, *context_.locator, before_);
  summary_.fold(starts_, *context_.locator, before_);
  edges_.clear();
  starts_.clear();
}

void Summary::fold(const std::unordered_map<uint64_t, uint64_t>& starts, decode::Locator& locator, uint64_t time) {
  for (const auto& [ip, count] : starts) {
    const decode::Place place = locator.at(ip, time);
    if (place.at_entry()) functions_[{place.function(), place.object()}].totals.calls += count;
  }
}

void Summary::fold(const EdgeTable& edges, decode::Locator& locator, uint64_t time) {
  edges.for_each([&](const Edge& e) {
    const decode::Place from = locator.at(e.ip, time);
    Function& function = functions_[{from.function(), from.object()}];
    function.totals.instructions += e.insns;
    if (const auto line = from.line()) {
      function.lines[decode::describe(line)] += e.insns;
      auto& [name, insns] = lines_[{line->file, line->line}];
      if (insns == 0 || from.function() < name) name = from.function();
      insns += e.insns;
    }
    if (!e.taken || e.to == 0) return;
    const bool jumps = e.kind == BranchKind::jump || e.kind == BranchKind::indirect_jump || e.kind == BranchKind::cond;
    if (!is_call(e.kind) && !jumps) return;
    const decode::Place to = locator.at(e.to, time);
    // A jump enters a function only at its first byte, from another one.
    if (jumps && (!to.at_entry() || to.symbol == from.symbol)) return;
    functions_[{to.function(), to.object()}].totals.calls += e.count;
  });
}

std::vector<FunctionTotals> Summary::functions() const {
  std::vector<FunctionTotals> out;
  for (const auto& [key, function] : functions_) {
    FunctionTotals totals = function.totals;
    totals.name = key.first;
    totals.object = key.second;
    for (const auto& [line, insns] : function.lines) {
      if (insns <= totals.hottest) continue;
      totals.hottest = insns;
      totals.hottest_line = line;
    }
    out.push_back(std::move(totals));
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const FunctionTotals& a, const FunctionTotals& b) { return a.instructions > b.instructions; });
  return out;
}

std::vector<LineTotals> Summary::lines() const {
  std::vector<LineTotals> out;
  for (const auto& [key, value] : lines_) out.push_back({key.first, key.second, value.first, value.second});
  return out;
}

uint64_t Summary::instructions_in(uint64_t window) const {
  return window == 0 || window > window_insns_.size() ? 0 : window_insns_[window - 1];
}

std::vector<WindowStats> window_stats(const decode::WindowSet& windows, const std::vector<decode::WindowFacts>& rules,
                                      const Summary& summary) {
  std::vector<WindowStats> out(windows.names().size());
  std::vector<uint64_t> longer_than(out.size());
  std::vector<double> squares(out.size());  // sum of squared distances from the running mean
  for (size_t i = 0; i < out.size(); ++i) {
    out[i].name = windows.names()[i];
    for (const auto& rule : rules)
      if (rule.name == out[i].name) longer_than[i] = rule.longer_than;
  }
  for (const decode::Window& w : windows.all()) {
    WindowStats& s = out[w.name];
    const uint64_t length = w.end - w.begin;
    if (w.open) {
      ++s.open;
      continue;
    }
    if (length < longer_than[w.name]) continue;
    s.min = s.count == 0 ? length : std::min(s.min, length);
    if (s.count == 0 || length > s.max) {
      s.max = length;
      s.longest = w.number;
    }
    s.total += length;
    s.instructions += summary.instructions_in(w.number);
    s.empty += summary.instructions_in(w.number) == 0 ? 1 : 0;
    ++s.count;
    const double x = static_cast<double>(length), delta = x - s.avg;
    s.avg += delta / static_cast<double>(s.count);
    squares[w.name] += delta * (x - s.avg);
  }
  for (size_t i = 0; i < out.size(); ++i)
    if (out[i].count > 1) out[i].stddev = std::sqrt(squares[i] / static_cast<double>(out[i].count - 1));
  out.erase(std::remove_if(out.begin(), out.end(), [](const WindowStats& s) { return s.count == 0 && s.open == 0; }),
            out.end());
  return out;
}

}  // namespace tracectl::views
