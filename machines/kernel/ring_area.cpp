// SPDX-License-Identifier: MIT
#include "machines/kernel/ring_area.hpp"

#include <algorithm>

namespace tracectl::kernel {
namespace {

constexpr size_t kKnown = 8192;    // bytes: some PSBs with their time stamps; branches alone repeat
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

// Does `known`, as far as it fits, lie in front of `end` in a|b? Elsewhere it means nothing: a loop's trace repeats.
bool lies_at(const std::vector<std::byte>& known, Bytes a, Bytes b, uint64_t end) {
  const uint64_t size = std::min<uint64_t>(known.size(), end);
  if (size < kFewest) return false;
  uint64_t at = end - size;
  return std::all_of(known.end() - static_cast<std::ptrdiff_t>(size), known.end(), [&](std::byte k) {
    const std::byte here = at < a.size() ? a[at] : b[at - a.size()];
    ++at;
    return here == k;
  });
}

}  // namespace

RingArea::Content RingArea::counted(Bytes area, uint64_t head, uint64_t most) {
  Content out;
  const uint64_t fresh = head - std::min(position_, head);
  const uint64_t size = std::min({fresh, most, static_cast<uint64_t>(area.size())});
  if (size == 0) return out;
  out.offset = head - size;
  const uint64_t at = out.offset % area.size(), straight = std::min<uint64_t>(size, area.size() - at);
  out.a = area.subspan(at, straight);
  out.b = area.first(size - straight);
  position_ = head;
  return out;
}

RingArea::Content RingArea::newest(Bytes area, uint64_t head, uint64_t most) {
  if (head_counts_) return counted(area, head, most);
  const uint64_t at = area.empty() ? 0 : head % area.size();
  went_round_ = went_round_ || any_set(area.subspan(at)) || (head != 0 && at == 0);
  Content out;
  if (went_round_) out.a = area.subspan(at);
  out.b = area.first(at);
  // In time's order; what stood behind the newest byte has gone round.
  const uint64_t seen = last_at_ <= at ? out.a.size() + last_at_ : last_at_ - at;
  // Until it goes round nothing is written over: no bytes need to be compared, however few they are.
  const bool straight = !went_round_ && last_at_ <= at;
  const bool follows = straight || lies_at(last_, out.a, out.b, seen);
  if (follows) drop(out, seen);
  const bool cut = out.size() > most;
  if (cut) drop(out, out.size() - most);
  // A neighbour, or the trace's own begin; else a gap lies in front.
  const bool begins = !cut && follows;
  out.offset = position_ + (begins ? 0 : kApart);
  if (out.size() == 0) return out;
  position_ = out.offset + out.size();
  last_at_ = at;
  last_ = last_of(out.a, out.b);
  return out;
}

}  // namespace tracectl::kernel
