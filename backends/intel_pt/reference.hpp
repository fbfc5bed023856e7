// SPDX-License-Identifier: MIT
// ReferenceWalk: libipt's way over one stream, from a sync point on. It is the reference decoder, and what the flow
// decoder takes where it does not know what libipt would do.
//
// Errors: damage is a Loss item with libipt's words.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "backends/intel_pt/clock.hpp"
#include "backends/intel_pt/delivery.hpp"

namespace tracectl::intel_pt {

class ReferenceWalk {
 public:
  virtual ~ReferenceWalk() = default;
  virtual Programs& programs() = 0;

  // below: a return was compressed whose call lies in front of the PSB.
  enum class End : uint8_t { trace, sink, error, sync, below };
  struct Stop {
    End end = End::trace;
    std::optional<uint64_t> psb;  // error, sync: where decoding goes on
  };
  // Decodes from the PSB at `psb` up to the end of the trace, to an error (which it delivers), or until the sink wants no
  // more; with `to_sync` no further than to the first PSB+ behind, none of which is delivered then. `cut`: the trace in
  // front has no error, so that one would know its calls; below is then no error yet.
  virtual Stop run(uint64_t psb, bool to_sync, bool cut) = 0;
};

// What is shared by all streams of a capture: files, and what is known of instructions.
class ReferenceStore {
 public:
  virtual ~ReferenceStore() = default;
  // All that is given outlives it.
  virtual std::unique_ptr<ReferenceWalk> walk(const TraceFacts& facts, std::span<const std::byte> trace,
                                              std::span<const decode::Turn> turns, Delivery& delivery) = 0;
};

// Where a processor's trace is not as the manual says: those errata that the flow decoder minds.
struct Quirks {
  bool false_fup = false;    // BDM70: a PSB+ in front of a TIP.PGE may have a FUP although the trace is off
  bool late_abort = false;   // BDM64: the branch in front of an abort may go wrong
  bool cut_cycles = false;   // SKD007: an OVF may take the place of the rest of a CYC
  bool false_async = false;  // SKD022: VM entry that turns the trace off may have a FUP
  bool lost_fup = false;     // SKD010: none behind an OVF, although the trace is on
  bool extra_fup = false;    // APL12: one behind an OVF, although it is off
  bool lost_cycles = false;  // SKL168: a CYC in front of a PSB may be missing
  bool operator==(const Quirks&) const = default;
};
[[nodiscard]] Quirks quirks_of(const CpuId& cpu);

// Null where tracectl was built without libipt.
[[nodiscard]] std::unique_ptr<ReferenceStore> make_reference_store();

}  // namespace tracectl::intel_pt
