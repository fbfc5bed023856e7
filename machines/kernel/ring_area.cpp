// SPDX-License-Identifier: MIT
#include "machines/kernel/ring_area.hpp"

#include <algorithm>

namespace tracectl::kernel {
namespace {

constexpr size_t kKnown = 256;     // bytes: with a time stamp in them, they stand nowhere else
constexpr size_t kFewest = 32;     // fewer may repeat
constexpr uint64_t kApart = 4096;  // pieces that do not follow each other are no neighbours in the stream

using Bytes = std::span<const std::byte>;

bool any_set(Bytes bytes) {
  return std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{0}; });
}

std::vector<std::byte> last_of(Bytes a, Bytes b) {
  std::vector<std::byte> out;
  const size_t from_b = std::min(b.size(), kKnown), from_a = std::min(a.size(), kKnown - from_b);
  out.insert(out.end(), a.end() - static_cast<std::ptrdiff_t>(from_a), a.end());
  out.insert(out.end(), b.end() - static_cast<std::ptrdiff_t>(from_b), b.end());
  return out;
}

// Drops the first `n` bytes.
void drop(RingArea::Content& c, uint64_t n) {
  const uint64_t from_a = std::min<uint64_t>(n, c.a.size());
  c.a = c.a.subspan(from_a);
  c.b = c.b.subspan(std::min<uint64_t>(n - from_a, c.b.size()));
}

// Where `known` ends in a|b; 0 when it is not there.
uint64_t end_of(const std::vector<std::byte>& known, Bytes a, Bytes b) {
  if (known.size() < kFewest) return 0;
  std::vector<std::byte> all(a.begin(), a.end());
  all.insert(all.end(), b.begin(), b.end());
  const auto at = std::find_end(all.begin(), all.end(), known.begin(), known.end());
  return at == all.end() ? 0 : static_cast<uint64_t>(at - all.begin()) + known.size();
}

}  // namespace

RingArea::Content RingArea::newest(Bytes area, uint64_t head, uint64_t most) {
  const uint64_t at = area.empty() ? 0 : head % area.size();
  went_round_ = went_round_ || any_set(area.subspan(at)) || (head != 0 && at == 0);
  Content out;
  if (went_round_) out.a = area.subspan(at);
  out.b = area.first(at);
  const uint64_t known = end_of(last_, out.a, out.b);
  const bool follows = known != 0;
  drop(out, known);
  const bool cut = out.size() > most;
  if (cut) drop(out, out.size() - most);
  // A neighbour, or the trace's own begin; else a gap lies in front.
  const bool begins = !cut && (follows || (position_ == 0 && !went_round_));
  out.offset = position_ + (begins ? 0 : kApart);
  if (out.size() == 0) return out;
  position_ = out.offset + out.size();
  last_ = last_of(out.a, out.b);
  return out;
}

}  // namespace tracectl::kernel
