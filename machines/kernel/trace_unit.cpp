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

Result<> describe_pt(const ResolvedPlan& plan, const HostFacts& host, capture::WriterSetup& setup) {
  auto info = aux_info_of(host);
  info.snapshot = plan.buffer.mode == BufferMode::ring;
  info.per_cpu_buffers = plan.threads == ThreadMode::per_cpu;
  if (info.per_cpu_buffers)
    info.switches = plan.target.kind == TargetKind::cpus ? intel_pt::Switches::all : intel_pt::Switches::own;
  setup.aux_info = intel_pt::aux_info(info);
  return {};
}

Result<> describe_etm(const ResolvedPlan& plan, const HostFacts& host, capture::WriterSetup& setup) {
  const auto units = etm_units(plan, host);
  if (!units) return tl::unexpected<Error>(units.error());
  setup.aux_info = coresight::build_info(*units);
  setup.first_records = time_conv_record(host.page_size);
  setup.aux_without_cpu = plan.threads != ThreadMode::per_cpu && all_alike(*units);
  return {};
}

constexpr TraceUnit kUnits[] = {
    {"intel_pt", pt_config, describe_pt, false},
    {"cs_etm", etm_config, describe_etm, true},
};

}  // namespace

const TraceUnit& unit_of(BackendKind backend) { return kUnits[static_cast<size_t>(backend)]; }

}  // namespace tracectl::kernel
