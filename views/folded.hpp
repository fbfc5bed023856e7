// SPDX-License-Identifier: MIT
// Folded: call stacks with their instruction counts, "thread;f;g COUNT", as flame graph
// tools read them. Sorted by text, so that equal captures give equal files.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "views/call_stack.hpp"
#include "views/out.hpp"

namespace tracectl::views {

class Folded {
 public:
  class Stream final : public decode::ItemSink, public CallListener {
   public:
    Stream(Folded& folded, const StreamContext& context);
    bool on_block(const decode::Stamp& stamp, const decode::Block& block) override;
    bool on_event(const decode::Stamp& stamp, const decode::Event& event) override;
    bool on_loss(const decode::Stamp&, const decode::Loss&) override;
    void finish();
    [[nodiscard]] uint64_t losses() const { return losses_; }
    void on_enter(Frame& frame, size_t depth) override;
    void on_leave(const Frame&, size_t depth) override { path_.resize(depth + 1); }
    void on_run(const Frame&, uint64_t insns) override;

   private:
    struct Node {
      uint32_t parent = 0, name = 0;
      uint64_t insns = 0;
    };
    uint32_t child(uint32_t parent, const decode::Place& place);
    [[nodiscard]] std::string text(uint32_t node) const;

    Folded& folded_;
    const StreamContext& context_;
    CallStack stack_;
    WindowCursor cursor_;
    const decode::Window* window_ = nullptr;
    uint64_t losses_ = 0;
    std::vector<Node> nodes_;
    std::vector<uint32_t> path_;  // nodes from the thread to the innermost frame
    std::vector<std::string> names_;
    std::unordered_map<std::string, uint32_t> name_ids_;
    std::unordered_map<uint64_t, uint32_t> children_;  // parent << 32 | name
    std::unordered_map<const decode::Symbol*, uint32_t> symbol_ids_;
  };
  void print(Out& out) const;

 private:
  std::map<std::string, uint64_t> stacks_;
};

}  // namespace tracectl::views
