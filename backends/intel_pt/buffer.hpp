// SPDX-License-Identifier: MIT
// How the kernel allocates an AUX buffer of Intel PT: in blocks of how many pages, and whether it can at all. Pure.
//
// Facts: the driver sets PERF_PMU_CAP_AUX_NO_SG where the unit's ToPA has one entry only, and since Linux 6.16 else
//        PERF_PMU_CAP_AUX_PREFER_LARGE; before 6.16 every PMU got large blocks, since then others get single pages. A block
//        has at most as many pages as the watermark, in ring mode (overwrite: no watermark) as the buffer; NO_SG in ring
//        mode takes one block or none. No block is larger than the page allocator's largest.
// Units: bytes; an order n is a block of 2^n pages.
// Source: kernel/events/ring_buffer.c, rb_alloc_aux; arch/x86/events/intel/pt.c, pt_init; kernel commit
//         18049c8cff9c; mm/page_alloc.c, MAX_PAGE_ORDER.
#pragma once

#include <cstdint>
#include <string>

#include "core/resolved_plan.hpp"

namespace tracectl::intel_pt {

struct AuxPages {
  unsigned order = 0;      // of the largest block that is tried
  bool one_block = false;  // the buffer is that block, or mmap fails (ENOMEM)
  bool possible = true;    // no allocator gives such a block
  std::string why;         // for people
};

inline constexpr unsigned kLargestOrder = 10;  // MAX_PAGE_ORDER of x86-64: 4 MiB

[[nodiscard]] AuxPages aux_pages(const BufferPlan& buffer, bool single_range, uint64_t page_size);

}  // namespace tracectl::intel_pt
