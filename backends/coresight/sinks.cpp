// SPDX-License-Identifier: MIT
#include "backends/coresight/sinks.hpp"

#include <fmt/format.h>

#include <charconv>
#include <sstream>

namespace tracectl::coresight {
namespace {

// An ETR in perf mode has a buffer of its own, as large as the AUX buffer or buffer_size, whichever is more, and less where
// memory is short (down to 1 MiB): alloc_etr_buf.
constexpr const char* kEtrLimits =
    "one perf session at a time (EBUSY); events of all cpus fill one buffer, and the last one that stops copies it";
constexpr const char* kSramLimits = "a few KiB: what does not fit is written over (TRUNCATED); copied word by word";

constexpr SinkRow kRows[] = {
    {SinkKind::trbe, "TRBE", true, true, true, false, false, "the AUX buffer's own pages",
     "at least two pages; trace stops from the end of the buffer to the interrupt (COLLISION)"},
    {SinkKind::etr_flat, "ETR, flat", false, false, true, true, true, "contiguous memory of its own (or behind an IOMMU)",
     kEtrLimits},
    {SinkKind::etr_scatter, "ETR, scatter-gather", false, false, true, true, true, "pages of its own by a table of the ETR",
     kEtrLimits},
    {SinkKind::etr_catu, "ETR, CATU", false, false, true, true, true, "pages of its own by the address translation unit",
     kEtrLimits},
    {SinkKind::etr_reserved, "ETR, reserved", false, false, false, true, true,
     "the memory that the device tree reserves, kept over a crash", kEtrLimits},
    {SinkKind::etf, "ETF", false, false, false, true, true, "the FIFO's SRAM", kSramLimits},
    {SinkKind::etb, "ETB", false, false, false, true, true, "the buffer's SRAM", kSramLimits},
};

bool has_word(const SinkFiles& files, const char* file, const std::string& word) {
  const auto at = files.find(file);
  if (at == files.end()) return false;
  std::istringstream words(at->second);
  for (std::string each; words >> each;)
    if (each == word) return true;
  return false;
}

// tmc_alloc_etr_buf: what the user prefers; else flat where nothing else is there, scatter-gather, the CATU.
// (It also takes flat behind an IOMMU and below 1 MiB, which no file tells.)
SinkKind etr_kind(const SinkFiles& files) {
  const auto preferred = [&files](const char* word) { return has_word(files, "buf_mode_preferred", word); };
  const auto available = [&files](const char* word) { return has_word(files, "buf_modes_available", word); };
  if (preferred("flat")) return SinkKind::etr_flat;
  if (preferred("tmc-sg")) return SinkKind::etr_scatter;
  if (preferred("catu")) return SinkKind::etr_catu;
  if (preferred("resrv")) return SinkKind::etr_reserved;
  return available("tmc-sg") ? SinkKind::etr_scatter : available("catu") ? SinkKind::etr_catu : SinkKind::etr_flat;
}

const SinkFiles& files_of(const std::map<std::string, SinkFiles>& files, const std::string& name) {
  static const SinkFiles kNone;
  const auto at = files.find(name);
  return at == files.end() ? kNone : at->second;
}

// The kernel's own order: a cpu's own sink, then memory, then SRAM. Lower is better.
int rank(SinkKind kind) { return kind == SinkKind::trbe ? 0 : kind == SinkKind::etf || kind == SinkKind::etb ? 2 : 1; }

std::string names_of(const std::map<std::string, std::string>& ids) {
  std::string out;
  for (const auto& [name, id] : ids) out += (out.empty() ? "" : ", ") + name;
  return out;
}

uint32_t hex(const std::string& text) {
  const char* begin = text.data() + (text.starts_with("0x") ? 2 : 0);
  uint32_t out = 0;
  std::from_chars(begin, text.data() + text.size(), out, 16);
  return out;
}

SinkChoice automatic(const std::map<std::string, std::string>& ids, const std::map<std::string, SinkFiles>& files) {
  SinkChoice out;
  bool any = false;
  for (const auto& [name, id] : ids) {
    const auto kind = kind_of(name, files_of(files, name));
    if (!kind || (any && rank(*kind) >= rank(out.kind))) continue;
    any = true;
    out.name = *kind == SinkKind::trbe ? "trbe" : name;
    out.kind = *kind;
  }
  if (!any) out.name = "unknown";
  const char* reason = rank(out.kind) == 0   ? "each cpu's own sink comes first"
                       : rank(out.kind) == 1 ? "no cpu has a sink of its own, and memory is larger than SRAM"
                                             : "there is no other kind";
  out.why = any ? fmt::format("the kernel takes {}: {}", out.name, reason)
                : "the kernel takes a sink of a kind that tracectl does not know";
  return out;
}

}  // namespace

const SinkRow& row_of(SinkKind kind) { return kRows[static_cast<size_t>(kind)]; }
std::span<const SinkRow> sink_rows() { return kRows; }

std::optional<SinkKind> kind_of(const std::string& name, const SinkFiles& files) {
  if (name.starts_with("trbe")) return SinkKind::trbe;
  if (name.find("etr") != std::string::npos) return etr_kind(files);
  if (name.find("etf") != std::string::npos) return SinkKind::etf;
  if (name.find("etb") != std::string::npos) return SinkKind::etb;
  return std::nullopt;
}

Result<SinkChoice> choose_sink(const std::string& wanted, const std::map<std::string, std::string>& ids,
                               const std::map<std::string, SinkFiles>& files) {
  if (ids.empty())
    return fail_unsupported("this trace unit has no sink: trace has nowhere to go", "modprobe coresight-tmc coresight-trbe");
  if (wanted == "auto") return automatic(ids, files);
  const auto at = ids.find(wanted);
  if (at == ids.end())
    return fail_unsupported(fmt::format("there is no sink \"{}\"", wanted),
                            fmt::format("\"auto\", or one of {} (tracectl list sinks)", names_of(ids)));
  const auto kind = kind_of(wanted, files_of(files, wanted));
  if (!kind) return fail_unsupported(fmt::format("\"{}\" is a sink of a kind that tracectl does not know", wanted));
  const char* only = row_of(*kind).per_cpu ? ": only its own cpu is traced" : "";
  return SinkChoice{wanted, *kind, hex(at->second), fmt::format("the plan names {}{}", wanted, only)};
}

std::string describe(const SinkRow& row) {
  return fmt::format("{}: {}, {}, {}, {}; {}; a pause {}", row.name, row.in_place ? "written in place" : "copied",
                     row.per_cpu ? "one for each cpu" : "shared by all cpus",
                     row.sized_by_aux ? "as large as [buffer] size" : "of a fixed size",
                     row.framed ? "16-byte frames with trace ids" : "raw bytes of one unit", row.memory,
                     row.record_at_pause ? "flushes it and writes an AUX record" : "leaves it as it is");
}

}  // namespace tracectl::coresight
