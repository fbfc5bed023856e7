// SPDX-License-Identifier: MIT
#include "cli/list_sources.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "backends/coresight/sinks.hpp"
#include "cli/glob.hpp"
#include "core/loaded_files.hpp"
#include "core/run_tool.hpp"
#include "core/units.hpp"
#include "decode/symbols.hpp"
#include "triggers/syscalls.hpp"
#include "triggers/trigger_kinds.hpp"

namespace tracectl::cli {
namespace {

std::string syscall_detail(const SyscallInfo& s, bool exit) {
  std::string args;
  for (const auto& a : s.arguments()) args += (args.empty() ? "" : ", ") + std::string(a.name);
  return fmt::format("nr {}; {}", s.nr, exit ? "ret" : args);
}

// Events of the running kernel, by tracefs' own index.
std::vector<std::string> kernel_events(const HostFacts& facts) {
  std::vector<std::string> out;
  for (const char* at : {"sys/kernel/tracing", "sys/kernel/debug/tracing"}) {
    std::ifstream in(std::filesystem::path(facts.root) / at / "available_events");
    for (std::string line; std::getline(in, line);) out.push_back(line);
    if (!out.empty()) break;
  }
  return out;
}

void add_symbols(Listing& out, const decode::Symbols& symbols, const std::string& file, const std::string& pattern) {
  const std::string object = std::filesystem::path(file).filename();
  for (const auto& s : symbols.all()) {
    const std::string name = object + ":" + (s.name.empty() ? s.linkage : s.name);
    if (matches(pattern, name) || matches(pattern, s.name))
      out.rows.push_back({name, fmt::format("offset {:#x}, {} bytes", s.file_offset, s.size)});
  }
}

ListRow sink_row(const coresight::Sink& sink, const std::string& id) {
  const coresight::SinkRow& row = coresight::row_of(sink.kind);
  ListRow out{sink.name, "", {{"kind", row.name}, {"cpus", sink.cpu >= 0 ? fmt::format("cpu {}", sink.cpu) : "shared"}}};
  out.columns.emplace_back("writes", row.in_place ? "in place" : "bounce");
  out.columns.emplace_back("framing", row.formatted ? "formatted" : "raw");
  out.columns.emplace_back("size", sink.size != 0 ? print_size(sink.size) : row.size);
  if (!sink.other_modes.empty()) out.columns.emplace_back("modes", sink.other_modes);
  if (sink.align != 0) out.columns.emplace_back("align", fmt::format("{}", sink.align));
  out.columns.emplace_back("pause", row.pause);
  out.columns.emplace_back("limits", row.limits);
  if (!sink.errata.empty()) out.columns.emplace_back("errata", sink.errata);
  out.columns.emplace_back("id", id);
  out.columns.emplace_back("source", row.source);
  // The pause's and the limits' sentences are for --json and check.
  for (const auto& [name, value] : out.columns)
    if (name != "pause" && name != "limits" && name != "source")
      out.detail += fmt::format("{}{}{}", out.detail.empty() ? "" : "; ", name == "kind" ? "" : name + " ", value);
  return out;
}

}  // namespace

BackendKind native_backend(const HostFacts& facts) {
#if defined(__aarch64__)
  constexpr bool kArm = true;
#else
  constexpr bool kArm = false;
#endif
  return kArm || facts.pmus.count("cs_etm") != 0 ? BackendKind::coresight : BackendKind::intel_pt;
}

Listing list_tracepoints(const HostFacts& facts, BackendKind backend, const std::string& pattern) {
  std::map<std::string, std::string> rows;               // one row a name, whoever has it
  const bool native = backend == native_backend(facts);  // others are not this kernel's programs
  for (const auto& s : all_syscalls(backend))
    for (const bool exit : {false, true}) {
      const std::string name = fmt::format("syscalls:sys_{}_{}", exit ? "exit" : "enter", s.event);
      if (matches(pattern, name)) rows[name] = fmt::format("emulated; {}", syscall_detail(s, exit));
    }
  for (const char* name : {"raw_syscalls:sys_enter", "raw_syscalls:sys_exit"})
    if (matches(pattern, name)) rows[name] = "emulated; every system call";
  for (const auto& name : kernel_events(facts)) {
    if (!native || !matches(pattern, name)) continue;
    auto& detail = rows[name];
    detail = detail.empty() ? "kernel" : "kernel, " + detail;
  }
  Listing out;
  for (auto& [name, detail] : rows) out.rows.push_back({name, std::move(detail)});
  if (!facts.tracefs && native)
    out.notes.emplace_back("tracefs is not readable, so only the built-in system call table is listed; see tracectl doctor");
  return out;
}

Result<Listing> list_symbols(const std::string& program, const std::string& pattern) {
  // Canonical: the loader would read a name under /proc/self as its own.
  std::error_code ec;
  const std::string path = std::filesystem::canonical(find_in_path(program), ec);
  if (ec) return fail("cannot find the program " + program, "name a file, or a command in PATH");
  const auto main = decode::Symbols::open(path);
  if (!main) return tl::unexpected<Error>(main.error());
  Listing out;
  add_symbols(out, *main, path, pattern);
  for (const auto& library : loaded_files(path)) {
    const auto symbols = decode::Symbols::open(library);
    if (symbols)
      add_symbols(out, *symbols, library, pattern);
    else
      out.notes.push_back(symbols.error().what);
  }
  if (out.rows.empty() && out.notes.empty())
    out.notes.emplace_back("no function matches; a stripped program names only what it exports");
  return out;
}

Listing list_sinks(const HostFacts& facts, const std::string& pattern) {
  Listing out;
  std::string emulated;
  for (const auto& sink : coresight::emulated_sinks()) emulated += (emulated.empty() ? "" : ", ") + sink.name;
  out.notes.push_back("the emulated machine has sinks of its own: " + emulated);
  const auto etm = facts.pmus.find("cs_etm");
  if (etm == facts.pmus.end() || etm->second.sinks.empty()) {
    out.notes.emplace_back("no CoreSight sinks on this machine (sinks are CoreSight's; Intel PT has none to choose)");
    return out;
  }
  const auto sinks = coresight::sinks_of(etm->second, facts.sink_devices);
  for (const auto& sink : sinks)
    if (matches(pattern, sink.name)) out.rows.push_back(sink_row(sink, etm->second.sinks.at(sink.name)));
  if (const auto choice = coresight::choose_sink(sinks, "auto")) out.notes.push_back("sink = \"auto\" takes " + choice->why);
  return out;
}

Listing list_backends(const HostFacts& facts, const std::string& pattern) {
  Listing out;
  const auto add = [&](const char* name, const char* programs, const char* pmu, const QemuFacts& qemu) {
    const bool emulated = qemu.plugin_api != 0 && !facts.plugin_path.empty();
    if (!matches(pattern, name)) return;
    out.rows.push_back(
        {name, fmt::format("{} programs; kernel: {}; emulated: {}", programs,
                           facts.pmus.count(pmu) != 0 ? "yes" : "no trace unit here", emulated ? "yes" : "no")});
  };
  add("intel_pt", "x86-64", "intel_pt", facts.qemu_x86_64);
  add("coresight", "AArch64", "cs_etm", facts.qemu_aarch64);
  return out;
}

Listing list_triggers(const std::string& pattern) {
  Listing out;
  for (const auto& k : trigger_kinds()) {
    if (!matches(pattern, k.name)) continue;
    const char* where = k.kernel && k.emulated ? "kernel, emulated" : k.kernel ? "kernel" : "emulated";
    out.rows.push_back({k.grammar, fmt::format("{}; {}; e.g. {}", where, k.help, k.example)});
  }
  return out;
}

}  // namespace tracectl::cli
