// SPDX-License-Identifier: MIT
#include "views/speedscope.hpp"

#include <fmt/format.h>

namespace tracectl::views {

Speedscope::Speedscope(const std::string& name, uint64_t start, Out& out) : out_(out), start_(start) {
  out_.line("{");
  out_.line(R"("$schema": "https://www.speedscope.app/file-format-schema.json",)");
  out_.line(R"("exporter": "tracectl",)");
  out_.line(fmt::format(R"("name": {},)", quoted(name)));
  out_.line(R"("profiles": [)");
}

void Speedscope::finish() {
  out_.line(R"(],)");
  out_.line(R"("shared": {"frames": [)");
  for (size_t i = 0; i < frames_.size(); ++i) out_.line(frames_[i] + (i + 1 < frames_.size() ? "," : ""));
  out_.line("]}}");
}

uint64_t Speedscope::frame(const decode::Place& place, uint64_t entry) {
  if (place.symbol != nullptr)
    if (const auto known = by_symbol_.find(place.symbol); known != by_symbol_.end()) return known->second;
  const std::string name = place.symbol == nullptr ? decode::describe(place, entry) : place.symbol->name;
  std::string json = fmt::format(R"({{"name": {})", quoted(name));
  const auto line = place.symbol == nullptr ? std::nullopt : place.line();
  if (line)
    json += fmt::format(R"(, "file": {}, "line": {}}})", quoted(line->file), line->line);
  else
    json += place.object().empty() ? "}" : fmt::format(R"(, "file": {}}})", quoted(place.object()));
  const auto [at, fresh] = ids_.emplace(std::move(json), frames_.size());
  if (fresh) frames_.push_back(at->first);
  if (place.symbol != nullptr) by_symbol_[place.symbol] = at->second;
  return at->second;
}

void Speedscope::Stream::write(char type, uint64_t time, uint64_t frame) {
  last_ = time > file_.start_ ? time - file_.start_ : 0;
  if (events_++ == 0) {
    first_ = last_;
    file_.out_.line(
        fmt::format(R"({}{{"type": "evented", "unit": "nanoseconds", "events": [)", file_.profiles_++ == 0 ? "" : ","));
  }
  file_.out_.line(fmt::format(R"({}{{"type": "{}", "at": {}, "frame": {}}})", events_ == 1 ? "" : ",", type, last_, frame));
}

void Speedscope::Stream::begin_call(uint64_t time, const decode::Place& place, uint64_t entry) {
  open_.push_back(file_.frame(place, entry));
  write('O', time, open_.back());
}

void Speedscope::Stream::end_call(uint64_t time, uint64_t) {
  write('C', time, open_.back());
  open_.pop_back();
}

void Speedscope::Stream::left_thread() {
  close_profile();
  events_ = 0;
}

void Speedscope::Stream::close_profile() {
  if (events_ == 0) return;
  const StreamContext& c = context();
  std::string name =
      c.tid < 0 ? fmt::format("cpu {}", c.cpu) : fmt::format("{} {}", c.comm.empty() ? "thread" : c.comm, c.tid);
  // The format knows no loss.
  if (losses() != 0) name += fmt::format(" (trace lost at {} {})", losses(), losses() == 1 ? "place" : "places");
  file_.out_.line(fmt::format(R"(], "name": {}, "startValue": {}, "endValue": {}}})", quoted(name), first_, last_));
}

}  // namespace tracectl::views
