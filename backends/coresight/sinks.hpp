// SPDX-License-Identifier: MIT
// Sinks: where CoreSight's trace goes, as rows of one table, and which of a machine's sinks a plan gets. Pure: what the
// machine has comes as facts (sysfs).
//
// Facts:  a source's trace is moved into the AUX buffer by copying from the sink's own memory (bounce), or the sink
//         writes the AUX pages themselves. A shared sink serves all cpus: there the trace ids in frames tell whose
//         bytes are whose. A sink of one cpu writes one source's bytes, without frames (raw).
// Errors: choose_sink says why a name or the whole machine is no good, in words.
// Source: each row's own; names: the DEFINE_CORESIGHT_DEVLIST of each driver in drivers/hwtracing/coresight.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/host.hpp"
#include "core/result.hpp"

namespace tracectl::coresight {

enum class SinkKind : uint8_t { etb, etf, etr_flat, etr_sg, etr_catu, etr_reserved, etr, trbe, other };

struct SinkRow {
  SinkKind kind;
  const char* name;    // for people
  const char* prefix;  // of the device's name, without its number
  const char* mode;    // ETR: the word of buf_mode_preferred; else ""
  int rank;            // auto takes the highest
  bool in_place;       // writes the AUX pages; else bounce
  bool per_cpu;        // else shared by all
  bool formatted;      // frames of 16 bytes with trace ids; else raw
  const char* size;    // what decides how much it holds
  const char* pause;   // what a pause by event does
  const char* limits;
  const char* source;
};
[[nodiscard]] std::span<const SinkRow> sink_rows();
[[nodiscard]] const SinkRow& row_of(SinkKind kind);

struct Sink {
  std::string name;  // as sinks/ has it: "trbe0", "tmc_etr0"
  SinkKind kind = SinkKind::other;
  int cpu = -1;             // per_cpu: whose
  uint64_t size = 0;        // bytes of its own memory, as far as sysfs tells; 0: sized by the AUX buffer, or unknown
  unsigned align = 0;       // TRBE: bytes
  std::string errata;       // of this sink, from what sysfs tells; empty: none known
  std::string other_modes;  // ETR: what it could do besides
};
[[nodiscard]] std::vector<Sink> sinks_of(const PmuFacts& pmu,
                                         const std::map<std::string, std::map<std::string, std::string>>& devices);

// Those of the emulated machine: each thread has one of its own.
[[nodiscard]] std::vector<Sink> emulated_sinks();

struct SinkChoice {
  SinkKind kind = SinkKind::other;
  std::vector<Sink> sinks;  // auto on TRBE: one for each cpu
  std::string why;          // what `check` says
};
// `wanted`: a sink's name, or "auto": the kernel's own choice (coresight_find_default_sink: of each cpu the best
// that it reaches).
[[nodiscard]] tl::expected<SinkChoice, std::string> choose_sink(const std::vector<Sink>& sinks, const std::string& wanted);

}  // namespace tracectl::coresight
