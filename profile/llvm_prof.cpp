// SPDX-License-Identifier: MIT
#include "profile/llvm_prof.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "decode/address_set.hpp"
#include "decode/call_test.hpp"
#include "decode/inline_stacks.hpp"

namespace tracectl::profile {
namespace {

constexpr const char* kCompile =
    "compile with -gline-tables-only -fdebug-info-for-profiling, or with -g -fdebug-info-for-profiling, and trace that";
constexpr double kThin = 0.5;       // of the executed code
constexpr size_t kManySpans = 200;  // which a program with discriminators would have some in

using Named = std::pair<const std::string, uint64_t>;

void add_place(std::string& out, size_t depth, const LineSamples::At& at) {
  out.append(depth, ' ');
  out += std::to_string(at.first);
  if (at.second != 0) out += "." + std::to_string(at.second);
  out += ": ";
}

void add_body(std::string& out, size_t depth, const LineSamples& samples) {
  for (const auto& [at, line] : samples.lines) {
    add_place(out, depth, at);
    out += std::to_string(line.count);
    std::vector<const Named*> targets;
    for (const Named& t : line.targets) targets.push_back(&t);
    std::stable_sort(targets.begin(), targets.end(), [](const Named* a, const Named* b) { return a->second > b->second; });
    for (const Named* t : targets) fmt::format_to(std::back_inserter(out), " {}:{}", t->first, t->second);
    out += '\n';
  }
  for (const auto& [at, callees] : samples.inlined)
    for (const auto& [name, callee] : callees) {
      add_place(out, depth, at);
      fmt::format_to(std::back_inserter(out), "{}:{}\n", name, callee.total);
      add_body(out, depth + 1, callee);
    }
}

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

Error why_empty(const Profile& profile, const decode::InlineStacks& code) {
  const std::string what = "the profile of " + profile.path + " would be empty: ";
  if (code.frames.empty())
    return fail(what + "nothing of what was executed lies in a function that its debug information knows", kCompile).value();
  if (code.spans.empty())
    return fail(what + "its debug information has no line table for what was executed", kCompile).value();
  return fail(
             what +
                 "its debug information does not tell where the executed functions are declared, and lines count from there",
             kCompile)
      .value();
}

std::vector<std::string> what_is_thin(const SampledFunctions& samples, const decode::InlineStacks& code) {
  std::vector<std::string> out;
  const double placed = share(samples.placed, samples.executed), lineless = share(samples.lineless, samples.executed);
  if (placed < kThin)
    out.push_back(fmt::format(
        "only {:.1f} % of the executed code has a source line ({} functions): {:.1f} % lies outside of what the debug "
        "information describes, {:.1f} % in functions or on lines that it does not tell",
        100 * placed, samples.functions.size(), std::max(0.0, 100 * (1 - placed - lineless)), 100 * lineless));
  const bool plain = std::all_of(code.spans.begin(), code.spans.end(), [](const auto& s) { return s.discriminator == 0; });
  if (plain && code.spans.size() >= kManySpans)
    out.emplace_back(
        "its debug information has no discriminators, which tell the blocks of one line apart: compile with "
        "-fdebug-info-for-profiling");
  return out;
}

}  // namespace

std::string to_llvm_text(const SampledFunctions& samples) {
  std::vector<std::pair<const std::string*, const LineSamples*>> order;
  for (const auto& [name, function] : samples.functions) order.emplace_back(&name, &function);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second->total > b.second->total; });
  std::string out;
  for (const auto& [name, function] : order) {
    fmt::format_to(std::back_inserter(out), "{}:{}:{}\n", *name, function->total, function->head);
    add_body(out, 1, *function);
  }
  return out;
}

Result<LlvmProf> to_llvm_prof(const Profile& profile) {
  decode::AddressSet wanted;
  for (const auto& [range, count] : profile.ranges)
    if (range.first <= range.second) wanted.add(range.first, range.second + 1);
  const auto code = decode::read_inline_stacks(profile.path, wanted);
  if (!code) return tl::unexpected<Error>(code.error());
  const auto calls = decode::CallTest::open(profile.path);
  if (!calls) return tl::unexpected<Error>(calls.error());
  const SampledFunctions samples = sample_lines(profile, *code, [&](uint64_t address) { return calls->at(address); });
  if (samples.functions.empty()) return tl::unexpected<Error>(why_empty(profile, *code));
  return LlvmProf{to_llvm_text(samples), what_is_thin(samples, *code)};
}

}  // namespace tracectl::profile
