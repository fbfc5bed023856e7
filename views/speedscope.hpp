// SPDX-License-Identifier: MIT
// Speedscope: a capture as speedscope JSON, an evented profile for each stream.
//
// Shape: {"$schema", "exporter", "name", "profiles": [...], "shared": {"frames": [...]}}; the
// frames stand behind the profiles, so that profiles are written as they come.
// Units: ns since the capture's first record: a clock's absolute ns do not fit a JavaScript
// number for ever.
// Order: open and close events nest, times never decrease, as the format demands.
// Source: speedscope, src/lib/file-format-spec.ts.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "views/out.hpp"
#include "views/timed_calls.hpp"

namespace tracectl::views {

class Speedscope {
 public:
  // `start`: the time that becomes 0.
  Speedscope(const std::string& name, uint64_t start, Out& out);

  // A stream without calls leaves no profile.
  class Stream final : public TimedCalls {
   public:
    Stream(Speedscope& file, const StreamContext& context) : TimedCalls(context), file_(file) {}
    // Behind TimedCalls::finish().
    void close_profile();

   protected:
    void begin_call(uint64_t time, const decode::Place& place, uint64_t entry) override;
    void end_call(uint64_t time, uint64_t insns) override;
    void left_thread() override;
    [[nodiscard]] bool wants_more() const override { return file_.out_.ok(); }

   private:
    void write(char type, uint64_t time, uint64_t frame);
    Speedscope& file_;
    std::vector<uint64_t> open_;  // frames
    uint64_t first_ = 0, last_ = 0, events_ = 0;
  };
  // The end of the file.
  void finish();

 private:
  uint64_t frame(const decode::Place& place, uint64_t entry);

  Out& out_;
  uint64_t start_, profiles_ = 0;
  std::vector<std::string> frames_;  // each a JSON object
  std::unordered_map<std::string, uint64_t> ids_;
  std::unordered_map<const decode::Symbol*, uint64_t> by_symbol_;
};

}  // namespace tracectl::views
