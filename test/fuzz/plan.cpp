// SPDX-License-Identifier: MIT
// Any text is a plan or has diagnostics; what resolves prints.
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "config/parse.hpp"
#include "config/print.hpp"
#include "config/resolve.hpp"
#include "test/unit/config/fixed_host.hpp"

using namespace tracectl;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const HostFacts host = pt_host();
  const std::string text(reinterpret_cast<const char*>(data), size);
  Diagnostics diagnostics;
  const auto plan = parse_plan(std::make_shared<const SourceText>(SourceText{"plan.toml", text}), diagnostics);
  if (!plan && !diagnostics.has_errors()) std::abort();
  if (plan) {
    const auto resolved = resolve(*plan, host, ProgramFacts{}, diagnostics);
    if (resolved.has_value() == diagnostics.has_errors()) std::abort();
    if (resolved && print_plan(*resolved, host).empty()) std::abort();
  }
  if (diagnostics.has_errors() && diagnostics.text().empty()) std::abort();
  return 0;
}
