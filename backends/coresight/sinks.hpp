// SPDX-License-Identifier: MIT
// Sinks of CoreSight: where a trace unit's bytes go, and what each kind means for a capture. Pure: from the facts of sysfs.
//
// Source: drivers/hwtracing/coresight/: coresight-trbe.c, coresight-tmc-etr.c (tmc_alloc_etr_buf, alloc_etr_buf),
//         coresight-tmc-etf.c, coresight-etb10.c, coresight-core.c (coresight_find_default_sink),
//         coresight-etm-perf.c (etm_event_pause); Documentation/ABI/testing/sysfs-bus-coresight-devices-{tmc,trbe}.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "core/result.hpp"

namespace tracectl::coresight {

enum class SinkKind : uint8_t { trbe, etr_flat, etr_scatter, etr_catu, etr_reserved, etf, etb };

// One kind. Everything of the first four is plain: what a capture of it looks like.
struct SinkRow {
  SinkKind kind;
  const char* name;      // "TRBE"
  bool in_place;         // writes into the AUX pages themselves; else the driver copies into them
  bool per_cpu;          // one for each cpu; else all cpus share it
  bool sized_by_aux;     // the buffer is as large as the plan says; else the hardware's memory is
  bool framed;           // 16-byte frames with trace ids; else one unit's bytes as they are
  bool record_at_pause;  // a pause flushes it and writes a PERF_RECORD_AUX; else trace just stops coming
  const char* memory;    // what holds the trace
  const char* limits;    // what to know of it
};
[[nodiscard]] const SinkRow& row_of(SinkKind kind);
[[nodiscard]] std::span<const SinkRow> sink_rows();

// The files of a sink's directory in sysfs, by name: buffer_size, buf_mode_preferred, align, ...
using SinkFiles = std::map<std::string, std::string>;

// By the device's name ("trbe3", "tmc_etr0"); an ETR's memory by its files. nullopt: a sink that this version does not know.
[[nodiscard]] std::optional<SinkKind> kind_of(const std::string& name, const SinkFiles& files);

struct SinkChoice {
  std::string name;  // the plan's, or of the sink that the kernel takes; "trbe" stands for each cpu's own
  SinkKind kind = SinkKind::trbe;
  uint32_t id = 0;  // attr.config2; 0: the kernel chooses
  std::string why;  // a sentence for people
};

// `wanted`: "auto" or a name. `ids`: the PMU's sinks/ files: name and id (hex). `files`: of each sink.
// Errors: no sink at all; a name that is not there (the message lists those that are).
[[nodiscard]] Result<SinkChoice> choose_sink(const std::string& wanted, const std::map<std::string, std::string>& ids,
                                             const std::map<std::string, SinkFiles>& files);

// "copied, shared, 16-byte frames, memory: ...".
[[nodiscard]] std::string describe(const SinkRow& row);

}  // namespace tracectl::coresight
