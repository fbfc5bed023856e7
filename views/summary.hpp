// SPDX-License-Identifier: MIT
// Summary: the totals of a capture, its functions and its windows, gathered from the blocks
// of all streams. Memory follows the code that ran, not the length of the trace.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "core/loss.hpp"
#include "views/context.hpp"
#include "views/edge_table.hpp"

namespace tracectl::views {

struct Totals {
  uint64_t instructions = 0;    // retired; `rep` counts once
  uint64_t branches = 0;        // conditional (taken or not), indirect, return, far, system call
  uint64_t taken_branches = 0;  // those of them that were taken
  uint64_t decode_errors = 0;
  std::map<std::string, uint64_t> errors;  // by what was said; the last of very many kinds together
  uint64_t outside = 0;  // instructions in no window, where the trace should be paused then: a pause that did not act
  LossTotals loss;       // what decoding itself met: undecodable, overflow
};

struct FunctionTotals {
  std::string name, object;
  uint64_t instructions = 0;  // in the function itself
  uint64_t calls = 0;         // entries at its first instruction: calls, jumps, begins of trace
  uint64_t hottest = 0;       // instructions of its hottest line (or block, without lines)
  std::string hottest_line;   // "file.c:12"; "" when unknown
};

struct LineTotals {
  std::string file;  // as the debug information names it
  unsigned line = 0;
  std::string function;       // the first by name that has code there
  uint64_t instructions = 0;  // of blocks that begin there
};

struct WindowStats {
  std::string name;
  uint64_t count = 0, open = 0, instructions = 0;
  uint64_t total = 0, min = 0, max = 0;  // ns, of the closed ones
  double avg = 0, stddev = 0;            // ns
  uint64_t longest = 0;                  // number of the first window of `max` ns; 0: none closed
  uint64_t empty = 0;                    // closed ones without an instruction: nothing ran, or a resume did not act
};

class Summary {
 public:
  // With `only`, just the items of the window of that number count.
  explicit Summary(uint64_t only = 0) : only_(only) {}
  // A sink for one stream; finish() it before the next.
  class Stream final : public decode::ItemSink {
   public:
    Stream(Summary& summary, const StreamContext& context) : summary_(summary), context_(context), cursor_(context) {}
    bool on_block(const decode::Stamp& stamp, const decode::Block& block) override;
    // Where there are no windows, time is not asked for.
    [[nodiscard]] bool counts_only() const override {
      return context_.windows == nullptr || context_.windows->all().empty();
    }
    void on_counted(const decode::Stamp& stamp, std::span<const decode::Block> blocks, uint64_t times) override;
    bool on_event(const decode::Stamp& stamp, const decode::Event& event) override;
    bool on_loss(const decode::Stamp& stamp, const decode::Loss& loss) override;
    void finish();

   private:
    void at_time(uint64_t time);
    void add(const decode::Block& block, uint64_t times);
    void fold();
    Summary& summary_;
    const StreamContext& context_;
    WindowCursor cursor_;
    const decode::Window* window_ = nullptr;
    uint64_t time_ = ~uint64_t{0}, before_ = 0;
    EdgeTable edges_;
    std::unordered_map<uint64_t, uint64_t> starts_;  // where trace began, how often
    bool starts_now_ = false;
  };

  [[nodiscard]] const Totals& totals() const { return totals_; }
  // By instructions, most first; equal ones by name.
  [[nodiscard]] std::vector<FunctionTotals> functions() const;
  // By file and line. A block of code counts for the line that it begins at.
  [[nodiscard]] std::vector<LineTotals> lines() const;
  [[nodiscard]] uint64_t instructions_in(uint64_t window) const;

 private:
  struct Function {
    FunctionTotals totals;
    std::map<std::string, uint64_t> lines;
  };
  void fold(const EdgeTable& edges, decode::Locator& locator, uint64_t time);
  // A trace that begins at a function's first instruction (a window, a signal handler) counts as a call of it.
  void fold(const std::unordered_map<uint64_t, uint64_t>& starts, decode::Locator& locator, uint64_t time);

  uint64_t only_;
  Totals totals_;
  std::map<std::pair<std::string, std::string>, Function> functions_;
  std::map<std::pair<std::string, unsigned>, std::pair<std::string, uint64_t>> lines_;  // function, instructions
  std::vector<uint64_t> window_insns_;                                                  // by number - 1
};

// Windows by name, in the order of first appearance. Windows shorter than their rule's
// longer_than are left out.
[[nodiscard]] std::vector<WindowStats> window_stats(const decode::WindowSet& windows,
                                                    const std::vector<decode::WindowFacts>& rules, const Summary& summary);

}  // namespace tracectl::views
