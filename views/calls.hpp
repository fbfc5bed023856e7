// SPDX-License-Identifier: MIT
// Calls: `script calls`, the functions of a thread as an indented tree, each with the
// instructions that it and what it called ran, and its source line. A line is written once
// its count is known; when too many wait for an outer frame, they are written with "+".
#pragma once

#include <deque>
#include <string>
#include <unordered_map>

#include "decode/capture_facts.hpp"
#include "views/call_stack.hpp"
#include "views/out.hpp"

namespace tracectl::views {

class Calls final : public decode::ItemSink, public CallListener {
 public:
  Calls(const StreamContext& context, Out& out);
  bool on_block(const decode::Stamp& stamp, const decode::Block& block) override;
  bool on_event(const decode::Stamp& stamp, const decode::Event& event) override;
  bool on_loss(const decode::Stamp& stamp, const decode::Loss& loss) override;
  void finish();

  void on_enter(Frame& frame, size_t depth) override;
  void on_leave(const Frame& frame, size_t depth) override;

 private:
  struct Line {
    size_t depth = 0;
    uint64_t count = 0;
    bool open = true;
    decode::Place place;
    uint64_t address = 0;
  };
  void drain(size_t keep);
  void print(const Line& line);
  void print_json(const Line& line);
  void thread_heading();
  void window_heading(const decode::Window& window);
  const std::string& label(const Line& line);

  const StreamContext& context_;
  Out& out_;
  CallStack stack_;
  WindowCursor cursor_;
  const decode::Window* window_ = nullptr;
  bool thread_told_ = false;
  uint64_t time_ = ~uint64_t{0};
  std::deque<Line> lines_;
  uint64_t first_ = 0;  // number of lines_.front()
  std::unordered_map<const decode::Symbol*, std::string> labels_;
  std::string other_label_;
};

// "12.3 us", "4 ns".
[[nodiscard]] std::string duration_text(double ns);

}  // namespace tracectl::views
