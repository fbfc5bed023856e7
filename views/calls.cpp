// SPDX-License-Identifier: MIT
#include "views/calls.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "views/listing.hpp"

namespace tracectl::views {
namespace {

constexpr size_t kMostWaiting = 1 << 16;  // lines
constexpr size_t kDeepest = 60;           // levels of indentation

}  // namespace

std::string duration_text(double ns) {
  struct Unit {
    double size;
    const char* name;
  };
  static constexpr Unit kUnits[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};
  for (const Unit& u : kUnits)
    if (ns >= u.size) return fmt::format("{:.3g} {}", ns / u.size < 999.5 ? ns / u.size : 999.0, u.name);
  return fmt::format("{:.0f} ns", ns);
}

Calls::Calls(const StreamContext& context, Out& out)
    : context_(context), out_(out), stack_(*context.locator, *this), cursor_(context) {
  if (context.cpu < 0) thread_heading();
}

// On the stream of a cpu it is only known when something runs.
void Calls::thread_heading() {
  thread_told_ = true;
  const std::string where = context_.cpu < 0 ? "" : fmt::format(" (cpu {})", context_.cpu);
  out_.heading(fmt::format("thread {} {}{}", context_.tid, context_.comm, where));
}

bool Calls::on_block(const decode::Stamp& stamp, const decode::Block& block) {
  if (!thread_told_) thread_heading();
  if (stamp.time != time_) {
    time_ = stamp.time;
    const decode::Window* now = cursor_.at(time_);
    if (now != window_) {
      stack_.reset();
      drain(0);
      window_ = now;
      if (now != nullptr) window_heading(*now);
    }
  }
  stack_.block(stamp, block);
  return out_.ok();
}

bool Calls::on_event(const decode::Stamp&, const decode::Event& event) {
  if (stack_.event(event)) drain(0);
  if (event.kind == decode::Event::Kind::switched) {
    window_ = nullptr;
    time_ = ~uint64_t{0};
    thread_told_ = false;
  }
  return event_line(out_, context_.tid, event);
}

bool Calls::on_loss(const decode::Stamp& stamp, const decode::Loss& loss) {
  stack_.reset();
  drain(0);
  return loss_line(out_, context_.tid, stamp, loss);
}

void Calls::finish() {
  stack_.reset();
  drain(0);
}

void Calls::window_heading(const decode::Window& w) {
  const std::string length = w.open ? "open" : duration_text(static_cast<double>(w.end - w.begin));
  out_.heading(fmt::format("window {} {} ({}, thread {})", w.number, context_.windows->names()[w.name], length, w.tid));
}

void Calls::on_enter(Frame& frame, size_t depth) {
  frame.tag = first_ + lines_.size();
  lines_.push_back({depth, 0, true, frame.place, frame.entry});
  if (lines_.size() > kMostWaiting) drain(kMostWaiting / 2);
}

void Calls::on_leave(const Frame& frame, size_t depth) {
  if (frame.tag < first_) return;  // written already
  // Where a window's function returned to, when nothing ran there any more.
  if (frame.insns == 0 && depth == 0 && !frame.place.at_entry() && frame.tag + 1 == first_ + lines_.size()) {
    lines_.pop_back();
    return;
  }
  Line& line = lines_[frame.tag - first_];
  line.open = false;
  line.count = frame.insns;
  while (!lines_.empty() && !lines_.front().open) drain(lines_.size() - 1);
}

void Calls::drain(size_t keep) {
  while (lines_.size() > keep) {
    print(lines_.front());
    lines_.pop_front();
    ++first_;
  }
}

const std::string& Calls::label(const Line& line) {
  std::string& text = line.place.symbol == nullptr ? other_label_ : labels_[line.place.symbol];
  if (!text.empty() && line.place.symbol != nullptr) return text;
  text = line.place.symbol == nullptr ? decode::describe(line.place, line.address) : line.place.symbol->name;
  const std::string source = decode::describe(line.place.line());
  const std::string where = source.empty() ? line.place.object() : source;
  if (!where.empty()) text += "  " + where;
  return text;
}

void Calls::print_json(const Line& line) {
  const std::string name =
      line.place.symbol == nullptr ? decode::describe(line.place, line.address) : line.place.symbol->name;
  out_.line(fmt::format(R"({{"tid":{},"window":{},"depth":{},"instructions":{},"function":{},"object":{},"line":{}}})",
                        context_.tid, window_ == nullptr ? "null" : std::to_string(window_->number), line.depth,
                        line.open ? "null" : std::to_string(line.count), quoted(name), quoted(line.place.object()),
                        quoted(decode::describe(line.place.line()))));
}

void Calls::print(const Line& line) {
  if (out_.json()) return print_json(line);
  const std::string count = line.open ? "+" : fmt::format("{}", line.count);
  if (line.depth <= kDeepest)
    out_.line(fmt::format("{:>12}  {:{}}{}", count, "", line.depth * 2, label(line)));
  else
    out_.line(fmt::format("{:>12}  {:{}}[{}] {}", count, "", kDeepest * 2, line.depth, label(line)));
}

}  // namespace tracectl::views
