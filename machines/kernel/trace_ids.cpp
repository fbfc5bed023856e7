// SPDX-License-Identifier: MIT
#include "machines/kernel/trace_ids.hpp"

#include "backends/coresight/facts.hpp"
#include "core/perf/uapi.hpp"

namespace tracectl::kernel {

TraceIds::TraceIds(capture::Writer& writer) : writer_(writer) {
  if (writer.aux_info().type != perf::kAuxtraceCsEtm) return;
  // From version 2 on a reader takes the ids from the records themselves.
  if (auto info = coresight::parse_info(writer.aux_info()); info && info->version < 2) info_ = std::move(*info);
}

Result<> TraceIds::seen(int cpu, uint64_t hw_id) {
  const auto told = coresight::hardware_id(cpu, hw_id);
  if (!info_ || !told) return {};
  for (auto& unit : info_->units) {
    if (unit.cpu != cpu || unit.trace_id == told->id) continue;
    unit.trace_id = told->id;
    return writer_.set_aux_info(coresight::build_info(*info_));
  }
  return {};
}

}  // namespace tracectl::kernel
