// SPDX-License-Identifier: MIT
// Flames: the calls of a capture for drawing: the merged tree of all of them, and for chosen
// windows their calls in the order in which they ran.
//
// Units: instructions, callees included; `begin` counts from the begin of the window (of the
// whole, when merged). Shape: nodes in preorder, each with its depth from 0.
// Memory: bounded. The smallest calls are left out first, and what is left out is counted.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "views/call_stack.hpp"

namespace tracectl::views {

struct FlameName {
  std::string function, object;
};

struct FlameNode {
  uint32_t depth = 0, name = 0;  // name: index into Flames::names()
  uint64_t begin = 0, insns = 0, calls = 1;
};

struct Flame {
  std::vector<FlameNode> nodes;
  uint64_t insns = 0;
  uint64_t left_out = 0;  // calls (merged: different call paths) that are no node
  uint64_t beyond = 0;    // merged: calls of paths past kMostPaths, counted for their callers
};

// The calls of one window in order, of which the largest are kept.
class CallChart {
 public:
  static constexpr size_t kMostKept = 1 << 17;
  void begin(uint32_t name, uint64_t at);
  void end(uint64_t insns, bool forget);
  // At most `most` nodes, none deeper than `deepest`. Every call must have ended.
  [[nodiscard]] Flame drawn(size_t most, uint32_t deepest) const;

 private:
  void thin_out();
  std::vector<FlameNode> nodes_;
  std::vector<uint32_t> open_;  // indices, outermost first
  uint64_t left_out_ = 0;
  size_t limit_ = kMostKept;
};

class Flames {
 public:
  static constexpr uint32_t kDeepest = 64;
  static constexpr size_t kMostPaths = 1 << 18;

  // `charted`: numbers of the windows whose calls are kept in order. `only`: nothing but the
  // window of that number counts; 0: all.
  explicit Flames(const std::vector<uint64_t>& charted, uint64_t only = 0);

  class Stream final : public decode::ItemSink, private CallListener {
   public:
    Stream(Flames& flames, const StreamContext& context)
        : flames_(flames), stack_(*context.locator, *this), cursor_(context), path_{0} {}
    bool on_block(const decode::Stamp& stamp, const decode::Block& block) override;
    bool on_event(const decode::Stamp& stamp, const decode::Event& event) override;
    bool on_loss(const decode::Stamp&, const decode::Loss&) override;
    void finish() { stack_.reset(); }

   private:
    void on_enter(Frame& frame, size_t depth) override;
    void on_leave(const Frame& frame, size_t depth) override;
    void on_run(const Frame&, uint64_t insns) override { flames_.paths_[path_.back()].self += insns; }
    Flames& flames_;
    CallStack stack_;
    WindowCursor cursor_;
    const decode::Window* window_ = nullptr;
    CallChart* chart_ = nullptr;
    uint64_t start_ = 0;  // stack_.insns() at the begin of the window
    std::vector<uint32_t> path_;
  };

  [[nodiscard]] const std::vector<FlameName>& names() const { return names_; }
  // Largest callee first; equal ones by name.
  [[nodiscard]] Flame merged(size_t most) const;
  // Empty for a window that is not charted.
  [[nodiscard]] Flame chart(uint64_t window, size_t most) const;

 private:
  struct Path {
    uint32_t parent = 0, name = 0;
    uint64_t self = 0, calls = 0;
  };
  uint32_t name_of(const decode::Place& place);
  uint32_t child(uint32_t parent, uint32_t name);

  uint64_t only_, beyond_ = 0;
  std::map<uint64_t, CallChart> charts_;             // by window
  std::vector<Path> paths_{1};                       // [0]: the root
  std::unordered_map<uint64_t, uint32_t> children_;  // parent << 32 | name
  std::vector<FlameName> names_;
  std::map<std::pair<std::string, std::string>, uint32_t> name_ids_;
  std::unordered_map<const decode::Symbol*, uint32_t> symbol_ids_;
};

}  // namespace tracectl::views
