// SPDX-License-Identifier: MIT
#include "cli/record_setup.hpp"

#include <fmt/format.h>

#include <map>
#include <memory>

#include "backends/coresight/emulated_unit.hpp"
#include "backends/intel_pt/metadata.hpp"
#include "core/clock.hpp"
#include "decode/data_symbols.hpp"
#include "decode/symbols.hpp"
#include "machines/emulated/protocol.hpp"
#include "machines/kernel/recorder.hpp"

namespace tracectl::cli {
namespace {

std::string bytes_of_hex(const std::string& hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; };
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) out.push_back(static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  return out;
}

// The kernel refuses a watchpoint that is not aligned to its length (hw_breakpoint_arch_parse).
void watch_data(const ResolvedTrigger& t, uint32_t index, const std::string& path, ModuleAnswer& out, Placement& placement) {
  const auto data = decode::data_symbols(path, t.where.symbol);
  out.code_offset = data.code_offset;
  for (const uint64_t variable : data.found) {
    const uint64_t address = variable + t.where.offset;
    placement.found = placement.found || address % t.len == 0;
    if (address % t.len == 0)
      out.sites.push_back({index, address - data.code_address + data.code_offset, true});
    else
      placement.why = fmt::format("in {} it lies at {:#x}, no multiple of len = {}; debug registers watch aligned data only",
                                  path, address, t.len);
  }
}

ModuleAnswer answer(const ResolvedPlan& plan, const std::string& path, std::vector<Placement>& placements) {
  ModuleAnswer out;
  const auto symbols = decode::Symbols::open(path);
  if (!symbols) return out;
  out.build_id = bytes_of_hex(symbols->build_id());
  for (uint32_t i = 0; i < plan.triggers.size(); ++i) {
    const auto& t = plan.triggers[i];
    if (!sits_in_file(t) || !decode::object_matches(t.where.object, path, symbols->soname())) continue;
    if (t.access != BreakAccess::execute) {
      watch_data(t, i, path, out, placements[i]);
      continue;
    }
    for (const uint64_t offset : symbols->resolve(t.where)) {
      out.sites.push_back({i, offset, false});
      placements[i].found = true;
    }
  }
  return out;
}

}  // namespace

Result<capture::WriterSetup> capture_setup(const LoadedPlan& loaded, const std::string& directory) {
  const ResolvedPlan& plan = loaded.plan;
  if (plan.machine == MachineKind::kernel) return kernel::capture_setup(plan, loaded.host, directory);
  capture::WriterSetup setup;
  setup.directory = directory;
  const bool arm = plan.backend == BackendKind::coresight, snapshot = plan.buffer.mode == BufferMode::ring;
  setup.events.push_back(arm ? coresight::emulated_leader(plan.coresight, plan.start_paused, emulated::kLeaderId)
                             : intel_pt::leader(plan.intel_pt, plan.start_paused, emulated::kLeaderId));
  setup.events.push_back(capture::sideband_event(emulated::kSidebandId));
  for (size_t i = 0; i < plan.triggers.size(); ++i)
    setup.events.push_back(capture::trigger_event(plan.triggers[i].name, plan.triggers[i].action, emulated::kTriggerId + i));
  intel_pt::AuxInfoSetup info;
  info.snapshot = snapshot;
  setup.aux_info = arm ? coresight::emulated_info(plan.coresight, snapshot) : intel_pt::aux_info(info);
  setup.trace_clock = monotonic_ns;
  setup.command_line = plan.command;
  if (!arm) setup.cpuid = intel_pt::kEmulatedCpuId;
  setup.plan_text = plan.source_text;
  return setup;
}

ModuleFinder module_finder(const ResolvedPlan& plan, std::vector<Placement>& placements) {
  placements.assign(plan.triggers.size(), {});
  for (size_t i = 0; i < plan.triggers.size(); ++i) placements[i].found = !sits_in_file(plan.triggers[i]);
  auto known = std::make_shared<std::map<std::string, ModuleAnswer>>();
  return [&plan, &placements, known](const std::string& path) {
    const auto it = known->find(path);
    if (it != known->end()) return it->second;
    return known->emplace(path, answer(plan, path, placements)).first->second;
  };
}

capture::CaptureSummary summarize(const ResolvedPlan& plan, const HostFacts& host, const capture::Writer& writer,
                                  const std::string& cpuid, const RunOutcome* outcome) {
  capture::CaptureSummary s;
  s.plan = &plan;
  s.host = &host;
  s.command = plan.command;
  s.cpuid = cpuid;
  if (plan.machine == MachineKind::emulated)
    for (size_t i = 0; i < plan.triggers.size(); ++i) s.event_ids.push_back({emulated::kTriggerId + i});
  s.loss = writer.loss();
  s.trace_bytes = writer.aux_bytes();
  if (outcome == nullptr) return s;
  if (!outcome->event_ids.empty()) s.event_ids = outcome->event_ids;
  if (plan.machine == MachineKind::emulated) s.translations = outcome->translations;
  s.windows = s.open_windows = 0;
  for (const auto& t : outcome->threads) {
    s.threads.push_back({t.idx, t.pid, t.tid, "", t.bytes});
    *s.windows += t.windows;
    *s.open_windows += t.open_window ? 1 : 0;
  }
  s.loss[LossKind::untraced_program] += outcome->untraced_execs + outcome->untraced_threads;
  s.loss[LossKind::overflow] += outcome->overflows;
  s.loss[LossKind::missed_trigger] += outcome->missed_returns;
  s.loss[LossKind::split_window] += outcome->split_windows;
  s.loss[LossKind::undecodable] += outcome->unexplained;
  return s;
}

}  // namespace tracectl::cli
