// SPDX-License-Identifier: MIT
#include "machines/kernel/trace_ids.hpp"

#include "machines/kernel/etm_units.hpp"
#include "machines/kernel/group.hpp"

namespace tracectl::kernel {
namespace {

constexpr unsigned kMajorShift = 60;
constexpr uint64_t kIdMask = 0x7f;

}  // namespace

TraceIds::TraceIds(const GroupPlan& shared, capture::Writer& writer) : writer_(writer) {
  if (shared.plan.backend != BackendKind::coresight) return;
  if (auto units = etm_units(shared.plan, shared.host)) info_ = std::move(*units);
}

Result<> TraceIds::seen(int cpu, uint64_t hw_id) {
  if (!info_ || hw_id >> kMajorShift != 0) return {};
  for (auto& unit : info_->units) {
    if (unit.cpu != cpu || unit.trace_id == (hw_id & kIdMask)) continue;
    unit.trace_id = hw_id & kIdMask;
    return writer_.set_aux_info(coresight::build_info(*info_));
  }
  return {};
}

}  // namespace tracectl::kernel
