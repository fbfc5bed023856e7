// SPDX-License-Identifier: MIT
#include "config/resolve.hpp"

#include <fmt/format.h>

#include "config/resolve_parts.hpp"
#include "triggers/address_filter.hpp"

namespace tracectl {
namespace {

constexpr uint16_t kElfX86 = 3;  // EM_386

const char* pmu_of(BackendKind backend) { return backend == BackendKind::intel_pt ? "intel_pt" : "cs_etm"; }

void resolve_backend(ResolveContext& c, const ProgramFacts& program) {
  const uint16_t machine = program.elf_machine;
  // What runs already has no program that we read: this computer's own.
  const bool arm = machine == kElfAArch64 || (machine == 0 && c.host.pmus.count("cs_etm") != 0);
  const BackendKind natural = arm ? BackendKind::coresight : BackendKind::intel_pt;
  c.out.backend = c.plan.backend.value_or(natural);
  const SourceRef& at = c.plan.backend.at;
  const std::string& path = program.interpreter.empty() ? program.path : program.interpreter;
  if (machine == kElfX86)
    return c.diagnostics.unsupported(at, fmt::format("{} is a 32-bit x86 program", path), "trace a 64-bit build of it");
  if (machine != 0 && machine != kElfX86_64 && machine != kElfAArch64)
    return c.diagnostics.unsupported(at, fmt::format("{} is for another processor (ELF machine {})", path, machine),
                                     "tracectl traces x86-64 and AArch64 programs");
  if (machine != 0 && c.out.backend != natural)
    return c.diagnostics.error(at,
                               fmt::format("backend {} cannot trace {}, which is for {}", name_of(c.out.backend), path,
                                           machine == kElfAArch64 ? "AArch64" : "x86-64"),
                               "leave backend out: the program decides it");
}

void resolve_machine(ResolveContext& c) {
  if (c.plan.machine) {
    c.out.machine = *c.plan.machine;
    c.out.machine_why = "the plan says so";
    if (c.out.machine == MachineKind::kernel) {
      const std::string lacks = kernel_machine_lacks(c.out.backend, c.host);
      if (!lacks.empty()) c.note("machine = kernel, but " + lacks);
    }
    return;
  }
  MachineChoice choice = choose_machine(c.out.backend, c.host);
  c.out.machine = choice.machine;
  c.out.machine_why = std::move(choice.why);
}

// Unprivileged, the kernel traces itself at perf_event_paranoid 1 and below only.
void resolve_scope(ResolveContext& c) {
  c.out.scope = c.plan.scope.value_or(Scope::user);
  if (c.out.scope == Scope::user) return;
  if (c.emulated())
    return c.diagnostics.unsupported(
        c.plan.scope.at,
        fmt::format("scope = \"{}\" is not possible on the emulated machine: it runs no kernel code", name_of(c.out.scope)),
        "leave scope out to trace the program itself, or use machine = \"kernel\" on a computer with Intel PT");
  if (!c.host.privileged && c.host.perf_event_paranoid.value_or(2) > 1)
    c.diagnostics.unsupported(c.plan.scope.at,
                              fmt::format("tracing kernel code needs more rights: perf_event_paranoid is {}",
                                          c.host.perf_event_paranoid.value_or(2)),
                              "run as root, or sysctl kernel.perf_event_paranoid=1");
}

// Intel PT stops at a range and starts nowhere; CoreSight starts and stops at addresses, and then has no ranges.
// Source: pt_event_addr_filters_validate, etm_addr_filters_validate.
void check_filter_kinds(ResolveContext& c, const SourceRef& at, const std::vector<AddressFilter>& filters) {
  const auto some = [&filters](bool (*is)(const AddressFilter&)) { return std::any_of(filters.begin(), filters.end(), is); };
  const bool starts = some([](const AddressFilter& f) { return f.kind == AddressFilter::Kind::start; });
  const bool places = some([](const AddressFilter& f) { return f.kind != AddressFilter::Kind::range; });
  const bool ranges = some([](const AddressFilter& f) { return f.kind == AddressFilter::Kind::range; });
  if (c.out.backend == BackendKind::intel_pt && starts)
    c.diagnostics.unsupported(at, "Intel PT's driver has no filter that starts a trace",
                              "a [[window]] from one event to another, or filter = [\"stop OBJECT:SYMBOL\"]");
  if (c.out.backend == BackendKind::coresight && places && ranges)
    c.diagnostics.unsupported(at, "CoreSight's driver takes ranges, or start and stop, not both",
                              "two plans, or ranges alone");
}

void resolve_filters(ResolveContext& c) {
  c.out.address_filters = c.plan.address_filters.value_or({});
  if (c.out.address_filters.empty()) return;
  const SourceRef& at = c.plan.address_filters.at;
  if (c.emulated())
    return c.diagnostics.unsupported(at, "address filters are not supported on the emulated machine yet",
                                     "a window on a function traces only inside it");
  const auto pmu = c.host.pmus.find(pmu_of(c.out.backend));
  const unsigned have = pmu == c.host.pmus.end() ? 0 : pmu->second.nr_addr_filters;
  if (pmu != c.host.pmus.end() && c.out.address_filters.size() > have)
    c.diagnostics.unsupported(
        at, fmt::format("{} address filters, but this {} has {}", c.out.address_filters.size(), pmu->first, have),
        "fewer filters, or windows");
  std::vector<AddressFilter> filters;
  for (const auto& text : c.out.address_filters) {
    const auto filter = parse_address_filter(text);
    if (filter) filters.push_back(*filter);
    if (!filter) {
      c.diagnostics.error(at, fmt::format("filter \"{}\": {}", text, filter.error().message), filter.error().hint);
    } else if (filter->of_kernel() && c.out.scope == Scope::user) {
      c.diagnostics.error(at, fmt::format("filter \"{}\" names kernel code, and scope = \"user\" traces none", text),
                          "scope = \"kernel\" or \"all\", or OBJECT:0xFROM-0xTO");
    }
  }
  check_filter_kinds(c, at, filters);
}

void resolve_limits(ResolveContext& c) {
  const PlanLimits& limits = c.plan.limits;
  c.out.limits = {limits.duration.value, limits.bytes.value, limits.windows.value};
  if (limits.windows && *limits.windows == 0)
    c.diagnostics.error(limits.windows.at, "windows = 0 would end the session before it begins",
                        "leave it out for no limit");
  if (limits.duration && limits.duration.value->count() == 0)
    c.diagnostics.error(limits.duration.at, "duration = 0 would end the session before it begins",
                        "leave it out for no limit");
}

}  // namespace

std::string kernel_machine_lacks(BackendKind backend, const HostFacts& host) {
  const char* pmu = pmu_of(backend);
  const std::string cpu = host.cpu_model.empty() ? "" : fmt::format(" ({})", host.cpu_model);
  if (!host.perf_event_paranoid) return "this kernel has no perf events";
  if (host.pmus.count(pmu) == 0) return fmt::format("there is no {} PMU on this machine{}", pmu, cpu);
  if (host.aux_action == AuxActionSupport::kernel_too_old)
    return fmt::format("Linux {} cannot pause trace by events (that needs 6.13)", host.kernel_release);
  if (host.pmus.at(pmu).pause == PauseTrial::cannot)
    return fmt::format("the driver of {} cannot pause (EOPNOTSUPP; Intel PT can since Linux 6.13, CoreSight since 6.16)",
                       pmu);
  if (!host.privileged && *host.perf_event_paranoid > 2)
    return fmt::format("perf_event_paranoid is {}: this user may not trace", *host.perf_event_paranoid);
  return "";
}

MachineChoice choose_machine(BackendKind backend, const HostFacts& host) {
  const std::string lacks = kernel_machine_lacks(backend, host);
  if (!lacks.empty()) return {MachineKind::emulated, lacks};
  return {MachineKind::kernel, fmt::format("this machine has the {} PMU", pmu_of(backend))};
}

std::optional<ResolvedPlan> resolve(const Plan& plan, const HostFacts& host, const ProgramFacts& program,
                                    Diagnostics& diagnostics) {
  ResolvedPlan out;
  ResolveContext c{plan, host, diagnostics, out};
  resolve_backend(c, program);
  resolve_machine(c);
  resolve_target(c);
  resolve_scope(c);
  resolve_threads(c);
  resolve_filters(c);
  resolve_buffer(c);
  resolve_intel_pt(c);
  resolve_coresight(c);
  resolve_limits(c);
  resolve_collect(c);
  resolve_triggers(c);
  lint_duplicates(c);
  lint_snapshots(c);
  lint_breakpoints(c);
  lint_actions(c);
  lint_target(c);
  if (diagnostics.has_errors()) return std::nullopt;
  return out;
}

}  // namespace tracectl
