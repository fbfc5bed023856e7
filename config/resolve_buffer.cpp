// SPDX-License-Identifier: MIT
// Buffers, and the options of the trace unit.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>

#include "backends/coresight/buffer.hpp"
#include "backends/coresight/sinks.hpp"
#include "backends/intel_pt/buffer.hpp"
#include "config/resolve_parts.hpp"
#include "core/units.hpp"

namespace tracectl {
namespace {

// perf_mmap takes a power of two of pages, for AUX and data alike. Source: perf_event_open(2).
void check_pages(ResolveContext& c, const Field<uint64_t>& field, const char* key, uint64_t value) {
  const uint64_t page = c.host.page_size;
  if (value >= page && std::has_single_bit(value)) return;
  const uint64_t below = std::max(page, std::bit_floor(value)), above = std::max(page, std::bit_ceil(value));
  const std::string legal = below == above ? fmt::format("\"{}\"", print_size(below))
                                           : fmt::format("\"{}\" or \"{}\"", print_size(below), print_size(above));
  c.diagnostics.error(field.at,
                      fmt::format("{} = {} is not a power of two of {} pages", key, print_size(value), print_size(page)),
                      fmt::format("the nearest: {}", legal));
}

void resolve_sizes(ResolveContext& c) {
  const PlanBuffer& in = c.plan.buffer;
  BufferPlan& out = c.out.buffer;
  out.aux_size = in.size.value_or(out.aux_size);
  out.data_size = in.data.value_or(out.data_size);
  out.total = in.total.value_or(std::max(out.total, out.aux_size));
  if (in.size) check_pages(c, in.size, "size", out.aux_size);
  if (in.data) check_pages(c, in.data, "data", out.data_size);
  if (in.total && out.total < out.aux_size)
    c.diagnostics.error(
        in.total.at,
        fmt::format("total = {} is less than one buffer of {}", print_size(out.total), print_size(out.aux_size)),
        fmt::format("total at least \"{}\", or a smaller size", print_size(out.aux_size)));
  out.wakeup = in.wakeup.value_or(out.aux_size / 4);
  if (in.wakeup && out.wakeup > out.aux_size)
    c.diagnostics.error(in.wakeup.at,
                        fmt::format("wakeup = {} is more than the buffer of {}: nothing would wake the reader",
                                    print_size(out.wakeup), print_size(out.aux_size)),
                        fmt::format("leave it out for \"{}\", a quarter", print_size(out.aux_size / 4)));
}

void resolve_mode(ResolveContext& c) {
  const PlanBuffer& in = c.plan.buffer;
  BufferPlan& out = c.out.buffer;
  const bool snapshots = std::any_of(c.plan.triggers.begin(), c.plan.triggers.end(),
                                     [](const PlanTrigger& t) { return t.action && *t.action == Action::snapshot; });
  out.mode = in.mode.value_or(snapshots ? BufferMode::ring : BufferMode::full);
  out.keep_end = out.mode == BufferMode::ring && !snapshots;
  if (!in.mode && snapshots) c.note("mode = ring: for the snapshots; only they are kept");
  if (in.mode && out.mode == BufferMode::full && snapshots)
    c.diagnostics.error(in.mode.at, "mode = \"full\" keeps everything, so that do = \"snapshot\" has nothing to keep",
                        "mode = \"ring\", or leave the snapshots out: script --last N shows the end of a full trace");
  out.on_full = in.on_full.value_or(c.emulated() ? OnFull::wait : OnFull::stop);
  if (in.on_full && out.mode == BufferMode::ring)
    c.diagnostics.error(in.on_full.at,
                        "on_full is for mode = \"full\": a ring is never full, it writes over its oldest trace",
                        "leave it out");
  else if (!c.emulated() && out.on_full == OnFull::wait)
    c.diagnostics.error(in.on_full.at, "on_full = \"wait\" needs the emulated machine: hardware does not wait",
                        "on_full = \"stop\", or machine = \"emulated\"");
  if (!in.on_full && c.emulated() && out.mode == BufferMode::full)
    c.note("on_full = wait: the program waits while its buffer is full; no trace is lost");
}

void explain_pages(ResolveContext& c, bool single_range) {
  const auto pages = intel_pt::aux_pages(c.out.buffer, single_range, c.host.page_size);
  c.note("AUX buffer: " + pages.why);
  if (!pages.possible)
    c.diagnostics.unsupported(
        c.plan.buffer.size.at,
        fmt::format("the kernel cannot give a ring of {}: {}", print_size(c.out.buffer.aux_size), pages.why),
        fmt::format("size = \"{}\" or less, or mode = \"full\"", print_size(c.host.page_size << intel_pt::kLargestOrder)));
}

// What the sink makes of it. A sink that is not there is resolve_coresight's to report.
void explain_coresight(ResolveContext& c) {
  c.out.buffer.pages = c.plan.buffer.pages.value_or(BufferPages::scatter);
  const auto pmu = c.host.pmus.find("cs_etm");
  if (c.emulated() || pmu == c.host.pmus.end()) return;
  const std::string wanted = c.plan.coresight.sink.value_or("auto");
  const auto choice = coresight::choose_sink(coresight::sinks_of(pmu->second, c.host.sink_devices), wanted);
  if (!choice) return;
  const auto pages = coresight::aux_pages(c.out.buffer, *choice, c.host.page_size);
  c.note("AUX buffer: " + pages.why);
  if (!pages.possible)
    c.diagnostics.unsupported(c.plan.buffer.size.at,
                              fmt::format("size = {}: {}", print_size(c.out.buffer.aux_size), pages.why),
                              fmt::format("size = \"{}\" or more", print_size(2 * c.host.page_size)));
}

// Source: arch/x86/events/intel/pt.c: without multi-entry ToPA the buffer is one range.
void resolve_pages(ResolveContext& c) {
  if (c.out.backend == BackendKind::coresight && !c.emulated()) return explain_coresight(c);
  const PlanBuffer& in = c.plan.buffer;
  const auto pmu = c.host.pmus.find("intel_pt");
  bool single_range = false;
  if (pmu != c.host.pmus.end()) {
    const auto cap = pmu->second.caps.find("topa_multiple_entries");
    single_range = cap != pmu->second.caps.end() && cap->second == "0";
  }
  const bool one_range = c.emulated() || single_range;  // the emulated machine's memory is contiguous unless asked for
  c.out.buffer.pages = in.pages.value_or(one_range ? BufferPages::contiguous : BufferPages::scatter);
  if (!c.emulated() && single_range && in.pages && *in.pages == BufferPages::scatter)
    c.diagnostics.unsupported(in.pages.at, "this Intel PT takes one contiguous range only (no multi-entry ToPA)",
                              "pages = \"auto\" or \"contiguous\"");
  if (!c.emulated() && c.out.backend == BackendKind::intel_pt) explain_pages(c, single_range);
}

// Unprivileged buffers are counted against perf_event_mlock_kb times the cpus, then RLIMIT_MEMLOCK.
void check_mlock(ResolveContext& c) {
  const auto allowed = lockable_bytes(c.host);
  const uint64_t need = c.out.buffer.aux_size + c.out.buffer.data_size;
  if (!c.emulated() && allowed && need > *allowed)
    c.note(fmt::format("one buffer pair needs {} of locked memory, this user may lock {}: sysctl kernel.perf_event_mlock_kb",
                       print_size(need), print_size(*allowed)));
}

struct Flag {
  const char* name;
  Field<bool> PlanIntelPt::*in;
  bool IntelPtConfig::*out;
  bool emulated;    // the emulated trace unit has it
  const char* cap;  // caps/ file that must be 1; null: none
};
constexpr Flag kFlags[] = {{"tsc", &PlanIntelPt::tsc, &IntelPtConfig::tsc, true, nullptr},
                           {"cyc", &PlanIntelPt::cyc, &IntelPtConfig::cyc, false, "psb_cyc"},
                           {"mtc", &PlanIntelPt::mtc, &IntelPtConfig::mtc, false, "mtc"},
                           {"noretcomp", &PlanIntelPt::noretcomp, &IntelPtConfig::noretcomp, false, nullptr},
                           {"ptw", &PlanIntelPt::ptw, &IntelPtConfig::ptw, false, "ptwrite"},
                           {"fup_on_ptw", &PlanIntelPt::fup_on_ptw, &IntelPtConfig::fup_on_ptw, false, "ptwrite"},
                           {"pwr_evt", &PlanIntelPt::pwr_evt, &IntelPtConfig::pwr_evt, false, "power_event_trace"},
                           {"branch", &PlanIntelPt::branch, &IntelPtConfig::branch, false, nullptr},
                           {"event", &PlanIntelPt::event, &IntelPtConfig::event, false, "event_trace"},
                           {"notnt", &PlanIntelPt::notnt, &IntelPtConfig::notnt, false, "tnt_disable"}};

std::string cap_of(const ResolveContext& c, const char* name) {
  const auto pmu = c.host.pmus.find("intel_pt");
  if (c.emulated() || name == nullptr || pmu == c.host.pmus.end()) return "";
  const auto cap = pmu->second.caps.find(name);
  return cap == pmu->second.caps.end() ? "" : cap->second;
}

void resolve_flag(ResolveContext& c, const Flag& flag) {
  const Field<bool>& in = c.plan.intel_pt.*flag.in;
  if (!in) return;
  bool& out = c.out.intel_pt.*flag.out;
  if (c.emulated() && !flag.emulated) {
    if (*in != out) c.note(fmt::format("{} = {} has no effect on the emulated machine", flag.name, *in));
    return;
  }
  if (*in && cap_of(c, flag.cap) == "0")
    c.diagnostics.unsupported(
        in.at, fmt::format("{} = true, but this Intel PT does not have it (caps/{} is 0)", flag.name, flag.cap));
  out = *in;
}

// `mask` is the caps/ file that lists the legal values as bits.
unsigned resolve_period(ResolveContext& c, const Field<uint64_t>& in, const char* name, const char* mask, bool emulated) {
  if (!in) return 0;
  if (*in > 15) {
    c.diagnostics.error(in.at, fmt::format("{} is 0 to 15, not {}", name, *in));
    return 0;
  }
  if (c.emulated() && !emulated) {
    c.note(fmt::format("{} = {} has no effect on the emulated machine", name, *in));
    return 0;
  }
  const std::string text = cap_of(c, mask);
  uint64_t bits = 0;
  std::from_chars(text.data(), text.data() + text.size(), bits, 16);
  if (!text.empty() && (bits >> *in & 1) == 0)
    c.diagnostics.unsupported(
        in.at, fmt::format("{} = {} is not one of this Intel PT's values (caps/{} is {})", name, *in, mask, text));
  return static_cast<unsigned>(*in);
}

}  // namespace

void resolve_buffer(ResolveContext& c) {
  resolve_sizes(c);
  resolve_mode(c);
  resolve_pages(c);
  check_mlock(c);
}

void resolve_intel_pt(ResolveContext& c) {
  for (const Flag& flag : kFlags) resolve_flag(c, flag);
  const PlanIntelPt& in = c.plan.intel_pt;
  IntelPtConfig& out = c.out.intel_pt;
  out.mtc_period = resolve_period(c, in.mtc_period, "mtc_period", "mtc_periods", false);
  out.cyc_thresh = resolve_period(c, in.cyc_thresh, "cyc_thresh", "cycle_thresholds", false);
  out.psb_period = resolve_period(c, in.psb_period, "psb_period", "psb_periods", true);
  if (c.out.backend != BackendKind::intel_pt) return;
  if (!in.psb_period) c.note("psb_period = 0: a PSB every 2KiB, so that short windows can be decoded");
  if (c.emulated()) return;
  // The kernel's returns do not nest as its calls do once another task runs: libipt loses its way in
  // compressed ones (docs/design/kernel-code.md).
  if (c.out.scope != Scope::user && !in.noretcomp) {
    out.noretcomp = true;
    c.note("noretcomp = true: returns of kernel code are written out, so that every decoder follows them");
  }
  if (out.mtc_period != 0 && !out.mtc)
    c.diagnostics.warning(in.mtc_period.at, "mtc_period has no effect without mtc = true");
  if (out.cyc_thresh != 0 && !out.cyc)
    c.diagnostics.warning(in.cyc_thresh.at, "cyc_thresh has no effect without cyc = true");
  if (!out.branch) c.diagnostics.warning(in.branch.at, "branch = false: the trace cannot say what ran");
}

}  // namespace tracectl
