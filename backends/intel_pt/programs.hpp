// SPDX-License-Identifier: MIT
// Programs: the programs of one stream, each with its code: whose instructions run now. Each decoder has its own kind of
// code (libipt's image, the flow decoder's graph).
//
// Units: ns of the perf clock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "decode/decoder.hpp"
#include "decode/later_code.hpp"

namespace tracectl::intel_pt {

class Programs {
 public:
  explicit Programs(std::span<const decode::Turn> turns) : turns_(turns) {}
  Programs(const Programs&) = delete;
  Programs& operator=(const Programs&) = delete;
  virtual ~Programs() = default;

  [[nodiscard]] const decode::Turn& turn() const { return turns_[at_]; }
  // Where they are, for another decoder's: the turn, and the latest time (a damaged trace's may go back).
  struct Position {
    size_t turn = 0;
    uint64_t time = 0;
  };
  [[nodiscard]] Position position() const { return {at_, reached_}; }
  // When turn() or its code changes next.
  [[nodiscard]] uint64_t next_change() const {
    const uint64_t next_turn = at_ + 1 < turns_.size() ? turns_[at_ + 1].time : ~uint64_t{0};
    return std::min(next_turn, next_code());
  }
  // `enabled`: the trace was off until now.
  void advance(uint64_t time, bool enabled) {
    size_t to = at_;
    while (to + 1 < turns_.size() && (enabled ? turns_[to + 1].time : turns_[to + 1].sure) <= time) ++to;
    if (to != at_) take(to);
    reached_ = std::max(reached_, time);
    bring_code(time);
  }
  // The trace begins at `ip`. True when that is a later turn's.
  bool begin_at(uint64_t ip) {
    const size_t to = turns_.size() == 1 ? at_ : decode::turn_with_code(turns_, at_, ip);
    if (to == at_) return false;
    take(to);
    return true;
  }
  // Called before another program runs.
  void before_change(std::function<void()> fn) { before_change_ = std::move(fn); }
  // As at the beginning; what was known of the code stays.
  void restart() {
    take(0);
    reached_ = 0;
  }
  // To where another decoder has come.
  void move_to(const Position& to) {
    if (to.turn != at_) take(to.turn);
    reached_ = std::max(reached_, to.time);
    bring_code(to.time);
  }

 protected:
  void take(size_t turn) {
    if (before_change_) before_change_();
    at_ = turn;
    use(*turns_[turn].images);
  }

 private:
  virtual void use(const decode::ImageTimeline& images) = 0;
  [[nodiscard]] virtual uint64_t next_code() const = 0;
  virtual void bring_code(uint64_t time) = 0;

  std::span<const decode::Turn> turns_;
  size_t at_ = 0;
  uint64_t reached_ = 0;
  std::function<void()> before_change_;
};

// Code: of one program, as far as its trace has come; has add(const Section&).
template <class Code>
class ProgramsOf final : public Programs {
 public:
  using Make = std::function<std::unique_ptr<Code>()>;
  ProgramsOf(std::span<const decode::Turn> turns, Make make) : Programs(turns), make_(std::move(make)) { take(0); }
  [[nodiscard]] Code& code() const { return *now_->code; }
  template <class Fn>
  void for_each(Fn&& fn) {
    for (auto& [images, known] : known_) fn(*known.code);
  }

 private:
  struct Known {
    std::unique_ptr<Code> code;
    decode::LaterCode later;
  };
  void use(const decode::ImageTimeline& images) override {
    now_ = &known_[&images];
    if (now_->code != nullptr) return;
    now_->code = make_();
    const auto wanted = [](const decode::Section& s) { return !s.file.empty(); };
    now_->later = decode::LaterCode(images, wanted, [this](const decode::Section& s) { now_->code->add(s); });
  }
  [[nodiscard]] uint64_t next_code() const override { return now_->later.next(); }
  void bring_code(uint64_t time) override {
    while (next_code() <= time) now_->code->add(now_->later.take());
  }

  Make make_;
  std::map<const decode::ImageTimeline*, Known> known_;
  Known* now_ = nullptr;
};

}  // namespace tracectl::intel_pt
