// SPDX-License-Identifier: MIT
#include "backends/coresight/sinks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "core/units.hpp"

namespace tracectl::coresight {
namespace {

constexpr const char* kFlush = "flushes the sink and writes an AUX record, while one event alone uses it";
constexpr const char* kNothing = "nothing: the unit stops, its bytes stay where they are until the event stops";
constexpr const char* kEtrSize = "the larger of the AUX buffer and buffer_size, halved down to 1MiB where memory is short";
constexpr const char* kOneReader = "with groups on several cpus the last event to stop gets all bytes";

// The order of SinkKind.
constexpr SinkRow kRows[] = {
    {SinkKind::etb, "ETB", "tmc_etb", "", 2, false, false, true, "its SRAM", kFlush,
     "tens of KiB: what is older is written over, and the AUX record says TRUNCATED",
     "coresight-tmc-etf.c, tmc_update_etf_buffer; coresight-etb10.c, etb_update_buffer; CoreSight TMC TRM, RSZ"},
    {SinkKind::etf, "ETF", "tmc_etf", "", 2, false, false, true, "its SRAM", kFlush,
     "tens of KiB, read word by word: what is older is written over, and the AUX record says TRUNCATED",
     "coresight-tmc-etf.c, tmc_update_etf_buffer; CoreSight TMC TRM, RSZ"},
    {SinkKind::etr_flat, "ETR, one range", "tmc_etr", "flat", 4, false, false, true, kEtrSize, kFlush,
     "needs contiguous memory of that size, or an IOMMU", "coresight-tmc-etr.c, etr_alloc_flat_buf"},
    {SinkKind::etr_sg, "ETR, scatter-gather", "tmc_etr", "tmc-sg", 4, false, false, true, kEtrSize, kFlush,
     "only where the firmware says arm,scatter-gather: some boards lock up", "coresight-tmc-etr.c, etr_alloc_sg_buf"},
    {SinkKind::etr_catu, "ETR behind a CATU", "tmc_etr", "catu", 4, false, false, true, kEtrSize, kFlush, kOneReader,
     "coresight-catu.c, catu_alloc_etr_buf; CoreSight CATU TRM"},
    {SinkKind::etr_reserved, "ETR, reserved memory", "tmc_etr", "resrved", 4, false, false, true,
     "the memory that the firmware keeps for it", kFlush, "kept over a panic; one size for all",
     "coresight-tmc-etr.c, etr_alloc_resrv_buf (Linux 6.14)"},
    {SinkKind::etr, "ETR", "tmc_etr", "auto", 4, false, false, true, kEtrSize, kFlush, kOneReader,
     "coresight-tmc-etr.c, tmc_alloc_etr_buf, alloc_etr_buf"},
    {SinkKind::trbe, "TRBE", "trbe", "", 8, true, true, false, "the AUX buffer itself", kNothing,
     "two pages at least; full: it stops until the interrupt is served, which the AUX record tells as COLLISION",
     "coresight-trbe.c, arm_trbe_update_buffer, trbe_handle_overflow; Arm ARM, TRBLIMITR_EL1"},
    {SinkKind::other, "unknown", "", "", 1, false, false, true, "unknown", "unknown", "tracectl does not know this device",
     "drivers/hwtracing/coresight"},
};

std::string file_of(const std::map<std::string, std::string>& files, const char* name) {
  const auto it = files.find(name);
  return it == files.end() ? "" : it->second;
}

uint64_t number_of(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 0); }

// "tmc_etr0" has the prefix "tmc_etr"; "tmc_etf_big1" is no "tmc_etf".
bool is_a(const std::string& name, const std::string& prefix) {
  return !prefix.empty() && name.starts_with(prefix) && name.size() > prefix.size() &&
         name.find_first_not_of("0123456789", prefix.size()) == std::string::npos;
}

SinkKind kind_of(const std::string& name, const std::string& mode) {
  if (is_a(name, "etb")) return SinkKind::etb;  // coresight-etb10.c
  for (const SinkRow& row : kRows)
    if (is_a(name, row.prefix) && (row.prefix != std::string("tmc_etr") || mode == row.mode)) return row.kind;
  return is_a(name, "tmc_etr") ? SinkKind::etr : SinkKind::other;
}

// TRBE: `flag` is TRBIDR_EL1.F: without hardware management of the access flag the pages must be touched first.
// ETB, ETF: RSZ counts 32-bit words.
Sink describe(const std::string& name, const std::map<std::string, std::string>& files) {
  Sink out;
  out.name = name;
  out.kind = kind_of(name, file_of(files, "buf_mode_preferred"));
  if (out.kind == SinkKind::trbe) {
    out.cpu = std::atoi(name.c_str() + std::string("trbe").size());
    out.align = static_cast<unsigned>(number_of(file_of(files, "align")));
    if (file_of(files, "flag") == "0") out.errata = "it does not set the access flag itself (TRBIDR_EL1.F = 0)";
  } else if (out.kind == SinkKind::etb || out.kind == SinkKind::etf) {
    out.size = number_of(file_of(files, "mgmt/rsz")) * 4;
    if (out.size == 0) out.size = number_of(file_of(files, "mgmt/rdp")) * 4;
  } else {
    out.size = number_of(file_of(files, "buffer_size"));
    out.other_modes = file_of(files, "buf_modes_available");
  }
  return out;
}

std::string explain(const Sink& sink, bool many) {
  const SinkRow& row = row_of(sink.kind);
  std::string out = fmt::format(
      "{}{} ({}): {}, {}, {}; it holds {}", many ? "the " : "", many ? "TRBE of each cpu" : sink.name, row.name,
      row.in_place ? "writes the AUX pages in place" : "copied into the AUX buffer",
      row.per_cpu ? "one cpu's" : "shared by all cpus", row.formatted ? "in frames with trace ids" : "raw", row.size);
  if (sink.size != 0) out += fmt::format(" ({})", print_size(sink.size));
  out += fmt::format("; a pause: {}; {}", row.pause, row.limits);
  if (!sink.errata.empty()) out += "; " + sink.errata;
  return out;
}

constexpr uint64_t kReserved = 1u << 20, kEtf = 64u << 10, kEtb = 16u << 10;  // bytes, of the emulated machine's

}  // namespace

std::span<const SinkRow> sink_rows() { return kRows; }
const SinkRow& row_of(SinkKind kind) { return kRows[static_cast<size_t>(kind)]; }

std::vector<Sink> sinks_of(const PmuFacts& pmu, const std::map<std::string, std::map<std::string, std::string>>& devices) {
  std::vector<Sink> out;
  for (const auto& [name, id] : pmu.sinks) {
    const auto files = devices.find(name);
    out.push_back(describe(name, files == devices.end() ? std::map<std::string, std::string>{} : files->second));
  }
  return out;
}

std::vector<Sink> emulated_sinks() {
  const auto sink = [](const char* name, SinkKind kind, uint64_t size = 0) {
    Sink out;
    out.name = name;
    out.kind = kind;
    out.size = size;
    return out;
  };
  return {sink("trbe0", SinkKind::trbe),
          sink("tmc_etr0", SinkKind::etr_flat),
          sink("tmc_etr1", SinkKind::etr_sg),
          sink("tmc_etr2", SinkKind::etr_catu),
          sink("tmc_etr3", SinkKind::etr_reserved, kReserved),
          sink("tmc_etf0", SinkKind::etf, kEtf),
          sink("tmc_etb0", SinkKind::etb, kEtb)};
}

tl::expected<SinkChoice, std::string> choose_sink(const std::vector<Sink>& sinks, const std::string& wanted) {
  if (sinks.empty())
    return tl::unexpected<std::string>(
        "this machine's CoreSight has no sink: trace has nowhere to go (modprobe "
        "coresight-tmc coresight-trbe)");
  SinkChoice out;
  if (wanted != "auto") {
    const auto named = std::find_if(sinks.begin(), sinks.end(), [&](const Sink& s) { return s.name == wanted; });
    if (named == sinks.end()) return tl::unexpected<std::string>(fmt::format("this machine has no sink \"{}\"", wanted));
    out.kind = named->kind;
    out.sinks = {*named};
    out.why = explain(*named, false);
    if (named->cpu >= 0) out.why += fmt::format("; what runs on other cpus than {} is not traced", named->cpu);
    return out;
  }
  const auto best = std::max_element(sinks.begin(), sinks.end(),
                                     [](const Sink& a, const Sink& b) { return row_of(a.kind).rank < row_of(b.kind).rank; });
  out.kind = best->kind;
  for (const Sink& s : sinks)
    if (s.kind == best->kind && (row_of(s.kind).per_cpu || out.sinks.empty())) out.sinks.push_back(s);
  out.why = explain(*best, row_of(best->kind).per_cpu);
  return out;
}

}  // namespace tracectl::coresight
