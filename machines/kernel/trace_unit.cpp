// SPDX-License-Identifier: MIT
#include "machines/kernel/trace_unit.hpp"

#include "backends/intel_pt/metadata.hpp"
#include "backends/intel_pt/pmu.hpp"
#include "machines/kernel/clock.hpp"
#include "machines/kernel/etm_units.hpp"

namespace tracectl::kernel {
namespace {

uint64_t pt_config(const ResolvedPlan& plan) { return intel_pt::config_bits(plan.intel_pt); }
uint64_t etm_config(const ResolvedPlan& plan) { return plan.coresight.config; }

Result<capture::AuxInfo> pt_info(const ResolvedPlan& plan, const HostFacts& host) {
  auto info = aux_info_of(host);
  info.snapshot = plan.buffer.mode == BufferMode::ring;
  info.per_cpu_buffers = plan.threads == ThreadMode::per_cpu;
  if (info.per_cpu_buffers)
    info.switches = plan.target.kind == TargetKind::cpus ? intel_pt::Switches::all : intel_pt::Switches::own;
  return intel_pt::aux_info(info);
}

Result<capture::AuxInfo> etm_info(const ResolvedPlan& plan, const HostFacts& host) {
  const auto units = etm_units(plan, host);
  if (!units) return tl::unexpected<Error>(units.error());
  return coresight::build_info(*units);
}

constexpr TraceUnit kUnits[] = {
    {"intel_pt", pt_config, pt_info, false},
    {"cs_etm", etm_config, etm_info, true},
};

}  // namespace

const TraceUnit& unit_of(BackendKind backend) { return kUnits[static_cast<size_t>(backend)]; }

}  // namespace tracectl::kernel
