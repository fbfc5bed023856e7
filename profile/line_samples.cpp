// SPDX-License-Identifier: MIT
#include "profile/line_samples.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>
#include <vector>

namespace tracectl::profile {
namespace {

using decode::InlineFrame;
using decode::InlineStacks;
using decode::LineSpan;

constexpr uint64_t kMost = ~uint64_t{0};

uint64_t product(uint64_t a, uint64_t b) { return b != 0 && a > kMost / b ? kMost : a * b; }
void increase(uint64_t& to, uint64_t by) { to = sum(to, by); }

// How often each address was executed: pieces of one count, ascending, with gaps where nothing was.
class Coverage {
 public:
  explicit Coverage(const Profile& profile) {
    std::map<uint64_t, __int128> steps;
    for (const auto& [range, count] : profile.ranges) {
      if (range.second < range.first || range.second == kMost) continue;
      steps[range.first] += count;
      steps[range.second + 1] -= count;
    }
    __int128 count = 0;
    for (auto i = steps.begin(); i != steps.end(); ++i) {
      count += i->second;
      if (count != 0)
        pieces_.push_back({i->first, std::next(i)->first, count > kMost ? kMost : static_cast<uint64_t>(count)});
    }
  }
  template <class Each>  // each(bytes, count)
  void in(uint64_t begin, uint64_t end, Each&& each) const {
    auto i = std::upper_bound(pieces_.begin(), pieces_.end(), begin, [](uint64_t at, const Piece& p) { return at < p.end; });
    for (; i != pieces_.end() && i->begin < end; ++i) each(std::min(end, i->end) - std::max(begin, i->begin), i->count);
  }
  [[nodiscard]] uint64_t at(uint64_t address) const {
    uint64_t out = 0;
    in(address, address + 1, [&](uint64_t, uint64_t count) { out = count; });
    return out;
  }

 private:
  struct Piece {
    uint64_t begin, end, count;
  };
  std::vector<Piece> pieces_;
};

class Sampling {
 public:
  Sampling(const Profile& profile, const InlineStacks& code) : profile_(profile), code_(code), coverage_(profile) {
    // Callers stand before what is inlined into them.
    for (const InlineFrame& f : code.frames) {
      const bool outer = f.caller == InlineFrame::kNone;
      outermost_.push_back(outer ? static_cast<uint32_t>(outermost_.size()) : outermost_[f.caller]);
      names_.push_back(source_name(f.function));
      nodes_.push_back(names_.back().empty() ? nullptr : outer ? &roots_[outermost_.back()] : inlined(f));
    }
  }

  SampledFunctions run(const IsCall& is_call) {
    coverage_.in(0, kMost, [&](uint64_t bytes, uint64_t count) { increase(out_.executed, product(bytes, count)); });
    for (const LineSpan& s : code_.spans) span(s);
    for (const auto& [entry, frame] : code_.entries)
      if (nodes_[frame] != nullptr) nodes_[frame]->head = coverage_.at(entry);
    for (const auto& [branch, count] : profile_.branches) arrival(branch.first, branch.second, count, is_call);
    for (auto& [frame, samples] : roots_)
      if (samples.total != 0 && !samples.empty()) out_.functions[names_[frame]].add(samples);
    return std::move(out_);
  }

 private:
  [[nodiscard]] Discriminator split(uint32_t value) const {
    return code_.flow_sensitive ? Discriminator{value, 1} : split_discriminator(value);
  }

  // Code of line 0 belongs to no line, but has a place: compilers look it up by the same subtraction.
  [[nodiscard]] std::optional<LineSamples::At> place(uint32_t frame, uint32_t line, uint32_t discriminator) const {
    const uint32_t declared = code_.frames[frame].decl_line;
    if (declared == 0) return std::nullopt;
    return LineSamples::At{(line - declared) & 0xffff, split(discriminator).base};
  }

  // nullptr where the call has no line: what was inlined there counts for the callers only.
  LineSamples* inlined(const InlineFrame& f) {
    const auto at = place(f.caller, f.call_line, f.call_discriminator);
    if (nodes_[f.caller] == nullptr || !at) return nullptr;
    return &nodes_[f.caller]->inlined[*at][names_.back()];
  }

  LineSamples::Line* line_of(const LineSpan& s) {
    const auto at = place(s.frame, s.line, s.discriminator);
    return nodes_[s.frame] == nullptr || !at ? nullptr : &nodes_[s.frame]->lines[*at];
  }

  void span(const LineSpan& s) {
    LineSamples::Line* line = line_of(s);
    const uint64_t factor = split(s.discriminator).factor;
    uint64_t weight = 0;
    coverage_.in(s.begin, s.end, [&](uint64_t bytes, uint64_t count) {
      increase(weight, product(bytes, count));
      if (line != nullptr) line->count = std::max(line->count, product(count, factor));
    });
    increase(line == nullptr || s.line == 0 ? out_.lineless : out_.placed, weight);
    for (uint32_t f = s.frame; f != InlineFrame::kNone; f = code_.frames[f].caller)
      if (nodes_[f] != nullptr) increase(nodes_[f]->total, weight);
  }

  [[nodiscard]] const LineSpan* span_at(uint64_t address) const {
    const auto& all = code_.spans;
    auto i = std::upper_bound(all.begin(), all.end(), address, [](uint64_t at, const LineSpan& s) { return at < s.end; });
    return i == all.end() || i->begin > address ? nullptr : &*i;
  }

  // A branch to a function's first address: a call, a jump instead of one, or a loop that begins there.
  void arrival(uint64_t from, uint64_t to, uint64_t count, const IsCall& is_call) {
    const auto entry = code_.entries.find(to);
    if (entry == code_.entries.end() || names_[entry->second].empty()) return;
    const LineSpan* s = span_at(from);
    if (s == nullptr) return;
    if (outermost_[s->frame] == entry->second && !is_call(from)) {
      uint64_t& head = nodes_[entry->second]->head;
      head -= std::min(head, count);
    } else if (LineSamples::Line* line = line_of(*s); line != nullptr) {
      increase(line->targets[names_[entry->second]], count);
    }
  }

  const Profile& profile_;
  const InlineStacks& code_;
  Coverage coverage_;
  std::map<uint32_t, LineSamples> roots_;  // by frame of a function
  // By frame:
  std::vector<uint32_t> outermost_;
  std::vector<std::string> names_;
  std::vector<LineSamples*> nodes_;  // nullptr: without a place
  SampledFunctions out_;
};

uint32_t decode_part(uint32_t value) {
  if ((value & 1) != 0) return 0;
  value >>= 1;
  return (value & 0x20) != 0 ? (value >> 1 & 0xfe0) | (value & 0x1f) : value & 0x1f;
}

bool digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

void LineSamples::add(const LineSamples& other) {
  increase(total, other.total);
  increase(head, other.head);
  for (const auto& [at, line] : other.lines) {
    Line& mine = lines[at];
    increase(mine.count, line.count);
    for (const auto& [name, count] : line.targets) increase(mine.targets[name], count);
  }
  for (const auto& [at, callees] : other.inlined)
    for (const auto& [name, samples] : callees) inlined[at][name].add(samples);
}

SampledFunctions sample_lines(const Profile& profile, const InlineStacks& code, const IsCall& is_call) {
  return Sampling(profile, code).run(is_call);
}

Discriminator split_discriminator(uint32_t value) {
  const uint32_t rest = (value & 1) != 0 ? value >> 1 : value >> ((value & 0x40) != 0 ? 14 : 7);
  const uint32_t factor = decode_part(rest);
  return {decode_part(value), factor == 0 ? 1 : factor};
}

std::string source_name(std::string name) {
  for (bool again = true; again;) {
    again = false;
    const size_t number = name.rfind('.');
    if (number == std::string::npos || number == 0) break;
    if (name.compare(number, std::string::npos, ".cold") == 0) {
      name.resize(number);
      again = true;
      continue;
    }
    if (!digits(std::string_view(name).substr(number + 1))) break;
    for (const std::string_view suffix : {".llvm", ".part", ".isra", ".lto_priv", ".cold"})
      if (number > suffix.size() && std::string_view(name).substr(number - suffix.size(), suffix.size()) == suffix) {
        name.resize(number - suffix.size());
        again = true;
        break;
      }
  }
  return name;
}

}  // namespace tracectl::profile
