// SPDX-License-Identifier: MIT
// TraceIds: the trace ids that the kernel gives its cpus while it traces, put into the capture's AUXTRACE_INFO as soon
// as they are known. So the file says them in its head, where every reader looks, also after a crash.
//
// Source: include/linux/coresight-pmu.h (CS_AUX_HW_ID_*: the id in bits 6:0, the version in 63:60).
// Errors: a record of a newer kind, or of a cpu without a unit, is left to readers.
#pragma once

#include <cstdint>
#include <optional>

#include "backends/coresight/metadata.hpp"
#include "core/capture/writer.hpp"
#include "core/result.hpp"

namespace tracectl::kernel {

class TraceIds {
 public:
  explicit TraceIds(capture::Writer& writer);
  // What an AUX_OUTPUT_HW_ID record says of this cpu.
  Result<> seen(int cpu, uint64_t hw_id);

 private:
  capture::Writer& writer_;
  std::optional<coresight::TraceInfo> info_;  // coresight only
};

}  // namespace tracectl::kernel
