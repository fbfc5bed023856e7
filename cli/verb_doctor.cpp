// SPDX-License-Identifier: MIT
// tracectl doctor: what this machine can do, what it cannot, why, and the command that mends it.
#include <fmt/core.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/doctor_checks.hpp"
#include "cli/verbs.hpp"
#include "core/host.hpp"

namespace tracectl::cli {
namespace {

void print_text(const Diagnosis& d) {
  for (const auto& f : d.findings) {
    fmt::print("{:<5} {:<13} {}\n", name_of(f.mark), f.subject, f.text);
    if (!f.mend.empty()) fmt::print("{:<19}   mend: {}\n", "", f.mend);
  }
  fmt::print("\n{}\n", d.run);
  if (!d.next.empty()) fmt::print("next: {}\n", d.next);
}

void print_json(const HostFacts& facts, const Diagnosis& d) {
  auto findings = nlohmann::ordered_json::array();
  for (const auto& f : d.findings)
    findings.push_back({{"subject", f.subject}, {"mark", name_of(f.mark)}, {"text", f.text}, {"mend", f.mend}});
  const nlohmann::ordered_json out = {{"kernel", facts.kernel_release},
                                      {"kernel_machine", d.kernel_machine},
                                      {"emulated_machine", d.emulated_machine},
                                      {"findings", findings},
                                      {"run", d.run},
                                      {"next", d.next}};
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace

void add_doctor(CLI::App& app, VerbRun& run) {
  auto* sub =
      app.add_subcommand("doctor", "What this machine can trace, what it cannot, why, and the command that mends it");
  const auto json = std::make_shared<bool>(false);
  sub->add_flag("--json", *json, "As JSON");
  sub->footer("Exit codes: 0 some machine can trace, 3 none can.\nExample: tracectl doctor --json | jq .run");
  sub->callback([json, &run] {
    run = [json] {
      HostFacts facts = read_host();
      probe_host(facts);
      const Diagnosis d = diagnose(facts);
      if (*json)
        print_json(facts, d);
      else
        print_text(d);
      return d.kernel_machine || d.emulated_machine ? 0 : static_cast<int>(ErrorKind::unsupported);
    };
  });
}

}  // namespace tracectl::cli
