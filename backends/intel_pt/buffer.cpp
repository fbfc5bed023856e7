// SPDX-License-Identifier: MIT
#include "backends/intel_pt/buffer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "core/units.hpp"

namespace tracectl::intel_pt {
namespace {

// The smallest order whose block holds so many bytes (get_order).
unsigned order_for(uint64_t bytes, uint64_t page) {
  const uint64_t pages = std::max<uint64_t>((bytes + page - 1) / page, 1);
  return static_cast<unsigned>(std::bit_width(std::bit_ceil(pages)) - 1);
}

}  // namespace

AuxPages aux_pages(const BufferPlan& buffer, bool single_range, uint64_t page_size) {
  const bool ring = buffer.mode == BufferMode::ring;
  AuxPages out;
  const unsigned wanted = order_for(ring ? buffer.aux_size : buffer.wakeup, page_size);
  out.order = std::min(wanted, kLargestOrder);
  const std::string block = print_size(page_size << out.order);
  out.one_block = single_range && ring;
  if (!single_range) {
    out.why = fmt::format("blocks of up to {} (the unit takes a list of them: ToPA; smaller ones where memory is in pieces)",
                          block);
    return out;
  }
  if (!ring) {
    out.why =
        fmt::format("blocks of up to {}, one at a time (no multi-entry ToPA: the unit stops at the end of each)", block);
    return out;
  }
  out.possible = wanted <= kLargestOrder;
  out.why = out.possible
                ? fmt::format("one block of {} (no multi-entry ToPA: a ring is one range, or mmap says ENOMEM)", block)
                : fmt::format("no block is larger than {} (no multi-entry ToPA: a ring must be one range)", block);
  return out;
}

}  // namespace tracectl::intel_pt
