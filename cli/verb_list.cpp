// SPDX-License-Identifier: MIT
// tracectl list: the names that a plan may use on this machine.
#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/list_sources.hpp"
#include "cli/verbs.hpp"
#include "core/elf_machine.hpp"

namespace tracectl::cli {
namespace {

struct ListOptions {
  std::string subject, pattern, program;
  bool json = false;
};

// What the program is built for; without one, what this computer's programs are.
Result<BackendKind> backend_of(const std::string& program, const HostFacts& facts) {
  if (program.empty()) return native_backend(facts);
  const auto read = read_program(program, search_path());
  if (!read) return tl::unexpected<Error>(read.error());
  if (read->elf_machine == kElfAArch64) return BackendKind::coresight;
  if (read->elf_machine == kElfX86_64) return BackendKind::intel_pt;
  return fail(fmt::format("{} is for another processor (ELF machine {})", program, read->elf_machine),
              "tracectl traces x86-64 and AArch64 programs");
}

Result<Listing> collect(const ListOptions& o) {
  if (o.subject == "triggers") return list_triggers(o.pattern);
  if (o.subject == "symbols") {
    if (o.program.empty())
      return fail_usage("list symbols needs a program", "tracectl list symbols --program ./app 'parse_*'");
    return list_symbols(o.program, o.pattern);
  }
  HostFacts facts = read_host();
  if (o.subject == "tracepoints") {
    const auto backend = backend_of(o.program, facts);
    if (!backend) return tl::unexpected<Error>(backend.error());
    return list_tracepoints(facts, *backend, o.pattern);
  }
  if (o.subject == "sinks") return list_sinks(facts, o.pattern);
  probe_host(facts);
  return list_backends(facts, o.pattern);
}

void print_text(const Listing& l) {
  size_t width = 0;
  for (const auto& r : l.rows) width = std::max(width, std::min<size_t>(r.name.size(), 48));
  for (const auto& r : l.rows) {
    // A name too long for its column has the line for itself.
    if (r.name.size() > width) fmt::print("{}\n", r.name);
    fmt::print("{:<{}}  {}\n", r.name.size() > width ? "" : r.name, width, r.detail);
  }
  for (const auto& n : l.notes) fmt::print(stderr, "tracectl: {}\n", n);
}

void print_json(const Listing& l) {
  auto rows = nlohmann::ordered_json::array();
  for (const auto& r : l.rows) {
    rows.push_back({{"name", r.name}, {"detail", r.detail}});
    for (const auto& [name, value] : r.columns) rows.back()[name] = value;
  }
  const nlohmann::ordered_json out = {{"rows", rows}, {"notes", l.notes}};
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

int list(const ListOptions& o) {
  const auto found = collect(o);
  if (!found) return report_error(found.error());
  if (o.json)
    print_json(*found);
  else
    print_text(*found);
  return 0;
}

}  // namespace

void add_list(CLI::App& app, VerbRun& run) {
  auto* sub = app.add_subcommand("list", "Names that a plan may use here: tracepoints, symbols, sinks, backends, triggers");
  const auto o = std::make_shared<ListOptions>();
  sub->add_option("WHAT", o->subject, "tracepoints, symbols, sinks, backends or triggers")
      ->required()
      ->check(CLI::IsMember({"tracepoints", "symbols", "sinks", "backends", "triggers"}));
  sub->add_option("PATTERN", o->pattern, "Shell pattern; without * ? [ it matches anywhere in the name");
  sub->add_option("--program", o->program,
                  "symbols: of this program and the libraries it loads; tracepoints: of its processor");
  sub->add_flag("--json", o->json, "As JSON");
  sub->footer(
      "Examples:\n"
      "  tracectl list tracepoints '*openat*'\n"
      "  tracectl list symbols --program ./app 'parse_*'\n"
      "  tracectl list triggers");
  sub->callback([o, &run] { run = [o] { return list(*o); }; });
}

}  // namespace tracectl::cli
