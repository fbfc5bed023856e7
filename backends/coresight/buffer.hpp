// SPDX-License-Identifier: MIT
// What the AUX buffer of a CoreSight session is, on the sink that it gets: whose pages, how much fits, what a full one
// does. Pure.
//
// Facts: cs_etm is without PERF_PMU_CAP_AUX_NO_SG and PERF_PMU_CAP_AUX_PREFER_LARGE: since Linux 6.16 the buffer is
//        single pages, before it blocks as large as the watermark. TRBE maps them as one range of addresses and writes
//        them itself; it wants two pages at least. Other sinks have memory of their own, from which the driver copies:
//        an ETR takes the larger of the AUX buffer and its buffer_size.
// Units: bytes.
// Source: kernel/events/ring_buffer.c, rb_alloc_aux; kernel commit 18049c8cff9c; coresight-trbe.c, arm_trbe_alloc_buffer;
//         coresight-tmc-etr.c, alloc_etr_buf.
#pragma once

#include <cstdint>
#include <string>

#include "backends/coresight/sinks.hpp"
#include "core/resolved_plan.hpp"

namespace tracectl::coresight {

struct AuxPages {
  bool possible = true;
  uint64_t sink_size = 0;  // the sink's own memory; 0: none, or unknown
  std::string why;         // for people
};

[[nodiscard]] AuxPages aux_pages(const BufferPlan& buffer, const SinkChoice& sink, uint64_t page_size);

}  // namespace tracectl::coresight
