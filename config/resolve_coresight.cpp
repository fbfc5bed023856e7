// SPDX-License-Identifier: MIT
// CoreSight's options, and on the kernel machine what they come to in the cs_etm PMU's config words: where a term's
// bits are is the PMU's format/ to say (timestamp has moved), what a sink or a configuration is called its sinks/ and
// events/.
// Source: drivers/hwtracing/coresight/coresight-etm-perf.c; Documentation/trace/coresight/coresight.rst.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "backends/coresight/sinks.hpp"
#include "config/resolve_parts.hpp"

namespace tracectl {
namespace {

struct FormatPlace {
  unsigned word = 0;  // 0: config, 2: config2, 3: config3
  unsigned low = 0, high = 0;
};

// "config:14", "config2:32-63". Source: Documentation/ABI/testing/sysfs-bus-event_source-devices-format.
std::optional<FormatPlace> place_in(const std::string& text) {
  const size_t colon = text.find(':');
  if (!text.starts_with("config") || colon == std::string::npos) return std::nullopt;
  FormatPlace out;
  if (colon > 6) out.word = static_cast<unsigned>(text[6] - '0');
  const int got = std::sscanf(text.c_str() + colon + 1, "%u-%u", &out.low, &out.high);
  if (got == 1) out.high = out.low;
  if (got < 1 || out.word == 1 || out.word > 3 || out.high < out.low || out.high > 63) return std::nullopt;
  return out;
}

const PmuFacts* etm_of(const ResolveContext& c) {
  const auto pmu = c.host.pmus.find("cs_etm");
  return c.emulated() || pmu == c.host.pmus.end() ? nullptr : &pmu->second;
}

// Puts `value` where the PMU's format/`name` says. False: this PMU has no such term.
bool put(ResolveContext& c, const char* name, uint64_t value) {
  const PmuFacts* pmu = etm_of(c);
  if (pmu == nullptr) return true;
  const auto format = pmu->format.find(name);
  const auto place = format == pmu->format.end() ? std::nullopt : place_in(format->second);
  if (!place) return false;
  CoresightConfig& out = c.out.coresight;
  (place->word == 0 ? out.config : place->word == 2 ? out.config2 : out.config3) |= value << place->low;
  return true;
}

void no_term(ResolveContext& c, const SourceRef& at, const char* name) {
  c.diagnostics.unsupported(at,
                            fmt::format("{}: this kernel's cs_etm has no such term (format/{} is not there)", name, name),
                            "leave it out, or boot a newer kernel");
}

struct Flag {
  const char* name;
  Field<bool> PlanCoresight::*in;
  bool CoresightConfig::*out;
};
constexpr Flag kFlags[] = {{"cycacc", &PlanCoresight::cycacc, &CoresightConfig::cycacc},
                           {"timestamp", &PlanCoresight::timestamp, &CoresightConfig::timestamp},
                           {"contextid", &PlanCoresight::contextid, &CoresightConfig::contextid},
                           {"retstack", &PlanCoresight::retstack, &CoresightConfig::retstack},
                           {"branch_broadcast", &PlanCoresight::branch_broadcast, &CoresightConfig::branch_broadcast}};

// A term that is on unless the plan says otherwise is left out, in words, where the kernel lacks it.
void resolve_flag(ResolveContext& c, const Flag& flag) {
  const Field<bool>& in = c.plan.coresight.*flag.in;
  bool& out = c.out.coresight.*flag.out;
  out = in.value_or(out);
  if (!out || put(c, flag.name, 1)) return;
  if (in) return no_term(c, in.at, flag.name);
  out = false;
  c.note(fmt::format("{} = false: this kernel's cs_etm has no such term", flag.name));
}

void resolve_number(ResolveContext& c, const Field<uint64_t>& in, const char* name, uint64_t most, unsigned& out) {
  if (!in) return;
  if (*in > most) return c.diagnostics.error(in.at, fmt::format("{} is 0 to {}, not {}", name, most, *in));
  out = static_cast<unsigned>(*in);
  if (*in != 0 && !put(c, name, *in)) no_term(c, in.at, name);
}

std::string names_of(const std::map<std::string, std::string>& all) {
  std::string out;
  for (const auto& [name, value] : all) out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? "none" : out;
}

// The number in "0x3744496a" and in "configid=0xa7c3dddd".
uint64_t id_in(const std::string& text) {
  const size_t at = text.find("0x");
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at, nullptr, 16);
}

void resolve_configid(ResolveContext& c) {
  const Field<std::string>& in = c.plan.coresight.configid;
  c.out.coresight.configid = in.value_or("");
  const PmuFacts* pmu = etm_of(c);
  if (!in || (*in).empty() || pmu == nullptr) return;
  const auto event = pmu->events.find(*in);
  if (event == pmu->events.end() || id_in(event->second) == 0)
    return c.diagnostics.unsupported(in.at, fmt::format("this kernel has no configuration \"{}\"", *in),
                                     fmt::format("events/ of cs_etm has: {}", names_of(pmu->events)));
  if (!put(c, "configid", id_in(event->second))) no_term(c, in.at, "configid");
}

void resolve_sink(ResolveContext& c) {
  const Field<std::string>& in = c.plan.coresight.sink;
  std::string& out = c.out.coresight.sink;
  out = in.value_or(out);
  const PmuFacts* pmu = etm_of(c);
  if (pmu == nullptr || c.out.backend != BackendKind::coresight) return;
  const auto choice = coresight::choose_sink(coresight::sinks_of(*pmu, c.host.sink_devices), out);
  if (!choice)
    return c.diagnostics.unsupported(
        in.at, choice.error(), fmt::format("sink = \"auto\", or one of tracectl list sinks: {}", names_of(pmu->sinks)));
  c.note("sink: " + choice->why);
  if (out == "auto") return;
  if (!put(c, "sinkid", id_in(pmu->sinks.at(out)))) no_term(c, in.at, "sinkid");
}

// An ETMv4 has no TRBE beside it, unless the plan says so.
void resolve_emulated_sink(ResolveContext& c) {
  const PlanCoresight& in = c.plan.coresight;
  CoresightConfig& out = c.out.coresight;
  auto sinks = coresight::emulated_sinks();
  if (out.sink == "auto" && out.source == "etmv4")
    std::erase_if(sinks, [](const coresight::Sink& s) { return s.kind == coresight::SinkKind::trbe; });
  const auto choice = coresight::choose_sink(sinks, out.sink);
  if (!choice) {
    std::string names;
    for (const auto& s : sinks) names += ", " + s.name;
    return c.diagnostics.unsupported(in.sink.at, fmt::format("the emulated machine has no sink \"{}\"", out.sink),
                                     "sink = \"auto\"" + names);
  }
  const auto& row = coresight::row_of(choice->kind);
  out.sink = choice->sinks.front().name;
  out.formatted = row.formatted;
  out.sink_size = choice->sinks.front().size;
  const bool in_pieces = row.kind == coresight::SinkKind::etr_sg || row.kind == coresight::SinkKind::etr_catu;
  if (in_pieces && !c.plan.buffer.pages) c.out.buffer.pages = BufferPages::scatter;
  if (in.sink || row.formatted) c.note("sink, of each thread its own: " + choice->why);
}

// A sink with memory of its own does not stop when it is full: it writes over what is older, until its driver copies
// from it. The emulated machine can have it copy in time; hardware cannot.
void resolve_emulated_memory(ResolveContext& c) {
  CoresightConfig& out = c.out.coresight;
  if (!out.formatted || c.out.buffer.mode == BufferMode::ring) return;
  out.wraps = c.out.buffer.on_full == OnFull::stop;
  if (out.wraps) c.note(fmt::format("on_full = stop: {} keeps what is newest at each pause and at the end", out.sink));
  if (c.out.buffer.on_full == OnFull::drop)
    c.diagnostics.unsupported(c.plan.buffer.on_full.at,
                              fmt::format("on_full = \"drop\": {} is never full, it writes over its oldest trace", out.sink),
                              "on_full = \"stop\" for what hardware does, or \"wait\" to lose nothing");
}

// Version 1 has the trace ids, which the kernel tells while it records; version 2 leaves them to the kernel's own records.
void resolve_metadata(ResolveContext& c) {
  const Field<uint64_t>& in = c.plan.coresight.metadata;
  if (!in) return;
  if (*in != 1 && *in != 2) return c.diagnostics.error(in.at, fmt::format("metadata is 1 or 2, not {}", *in));
  c.out.coresight.metadata = static_cast<unsigned>(*in);
  if (*in != 2 || c.out.backend != BackendKind::coresight) return;
  if (c.emulated())
    return c.diagnostics.unsupported(in.at,
                                     "metadata = 2 is the kernel machine's: the emulated one writes no AUX_OUTPUT_HW_ID",
                                     "leave it out: every perf reads version 1");
  c.note("metadata = 2: perf 6.1 and others before 6.4 refuse this capture (Unknown Header Version)");
}

void resolve_emulated_unit(ResolveContext& c) {
  const PlanCoresight& in = c.plan.coresight;
  CoresightConfig& out = c.out.coresight;
  if (c.out.backend != BackendKind::coresight) return;
  resolve_emulated_sink(c);
  resolve_emulated_memory(c);
  for (const auto& [wanted, name] :
       {std::pair{in.cycacc.value_or(false), "cycacc"}, std::pair{in.branch_broadcast.value_or(false), "branch_broadcast"}})
    if (wanted) c.note(fmt::format("{} = true has no effect on the emulated machine", name));
  out.cycacc = out.branch_broadcast = false;
}

}  // namespace

void resolve_coresight(ResolveContext& c) {
  const PlanCoresight& in = c.plan.coresight;
  CoresightConfig& out = c.out.coresight;
  out.source = in.source.value_or(out.source);
  if (in.source && *in.source != "ete" && *in.source != "etmv4")
    c.diagnostics.error(in.source.at, fmt::format("source is ete or etmv4, not \"{}\"", *in.source));
  for (const Flag& flag : kFlags) resolve_flag(c, flag);
  constexpr unsigned kMostPreset = 15, kMostThreshold = 4095;
  resolve_number(c, in.preset, "preset", kMostPreset, out.preset);
  resolve_number(c, in.cc_threshold, "cc_threshold", kMostThreshold, out.cc_threshold);
  resolve_configid(c);
  resolve_metadata(c);
  resolve_sink(c);
  if (c.emulated()) resolve_emulated_unit(c);
  if (etm_of(c) == nullptr || c.out.backend != BackendKind::coresight) return;
  if (in.cc_threshold && *in.cc_threshold != 0 && !out.cycacc)
    c.diagnostics.warning(in.cc_threshold.at, "cc_threshold has no effect without cycacc = true");
  if (in.preset && *in.preset != 0 && out.configid.empty())
    c.diagnostics.warning(in.preset.at, "preset has no effect without configid");
  if (out.config3 != 0)
    c.note(
        "cc_threshold is in config3, for which perf_event_attr has 136 bytes: perf 6.1 cannot read what `perf record` "
        "writes with it; tracectl keeps 128, which every perf reads");
}

}  // namespace tracectl
