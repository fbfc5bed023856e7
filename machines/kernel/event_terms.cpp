// SPDX-License-Identifier: MIT
#include "machines/kernel/event_terms.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "core/perf/uapi.hpp"

namespace tracectl::kernel {
namespace {

struct Term {
  std::string name, value;  // value empty: none was written
};

std::vector<Term> split(const std::string& text) {
  std::vector<Term> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) {
    const size_t equals = part.find('=');
    out.push_back({part.substr(0, equals), equals == std::string::npos ? "" : part.substr(equals + 1)});
  }
  return out;
}

std::optional<std::string> line_of(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  return line;
}

std::string names_in(const std::string& folder) {
  std::string out;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.find('.') == std::string::npos) out += (out.empty() ? "" : ", ") + name;  // not NAME.scale, NAME.unit
  }
  return out.empty() ? "nothing" : out;
}

// The lowest bits of `value` into the ranges of "config1:0-7,32-35". False when it has more bits than they.
bool put(const std::string& format, uint64_t value, EventTerms& out) {
  const size_t colon = format.find(':');
  const std::string word = format.substr(0, colon);
  const size_t index = word == "config1" ? 1 : word == "config2" ? 2 : 0;
  std::istringstream ranges(colon == std::string::npos ? "0-63" : format.substr(colon + 1));
  for (std::string range; std::getline(ranges, range, ',');) {
    unsigned from = 0, to = 0;
    const int n = std::sscanf(range.c_str(), "%u-%u", &from, &to);
    if (n < 1 || from > 63 || (n == 2 && (to > 63 || to < from))) return false;
    for (unsigned bit = from; bit <= (n == 2 ? to : from); ++bit, value >>= 1) out.config[index] |= (value & 1) << bit;
  }
  return value == 0;
}

class Pmu {
 public:
  Pmu(std::string name, std::string folder) : name_(std::move(name)), folder_(std::move(folder)) {}

  Result<> add(const Term& term, EventTerms& out, bool nested) const {
    if (const auto format = line_of(folder_ + "/format/" + term.name)) return add_value(term, *format, out);
    // perf's own term for the whole word.
    if (term.name == "config" || term.name == "config1" || term.name == "config2")
      return add_value(term, term.name + ":0-63", out);
    const auto named = nested || !term.value.empty() ? std::nullopt : line_of(folder_ + "/events/" + term.name);
    if (!named)
      return fail_unsupported(
          fmt::format("PMU {} has no term or event '{}'", name_, term.name),
          fmt::format("terms: {}; events: {}", names_in(folder_ + "/format"), names_in(folder_ + "/events")));
    for (const Term& t : split(*named))
      if (auto r = add(t, out, true); !r) return r;
    return {};
  }

 private:
  Result<> add_value(const Term& term, const std::string& format, EventTerms& out) const {
    char* end = nullptr;
    const uint64_t value = term.value.empty() ? 1 : std::strtoull(term.value.c_str(), &end, 0);
    if (end != nullptr && *end != 0)
      return fail_usage(fmt::format("term {}={} of PMU {} is no number", term.name, term.value, name_), "0xc4 or 196");
    if (put(format, value, out)) return {};
    return fail_usage(fmt::format("term {}={} of PMU {} does not fit", term.name, term.value, name_),
                      fmt::format("it has the bits {}", format));
  }
  std::string name_, folder_;
};

std::optional<EventTerms> raw(const std::string& text) {
  if (text.size() < 2 || text[0] != 'r' || text.find_first_not_of("0123456789abcdefABCDEF", 1) != std::string::npos)
    return std::nullopt;
  return EventTerms{PERF_TYPE_RAW, {std::strtoull(text.c_str() + 1, nullptr, 16), 0, 0}};
}

}  // namespace

Result<std::optional<EventTerms>> find_event_terms(const std::string& text, const HostFacts& host) {
  if (const auto plain = raw(text)) return plain;
  const size_t slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const std::string name = text.substr(0, slash);
  const std::string devices = host.path("/sys/bus/event_source/devices");
  const auto type = line_of(fmt::format("{}/{}/type", devices, name));
  if (!type)
    return fail_unsupported(fmt::format("there is no PMU {} on this machine", name),
                            fmt::format("it has: {}", names_in(devices)));
  EventTerms out;
  out.type = static_cast<uint32_t>(std::strtoul(type->c_str(), nullptr, 10));
  const size_t end = text.find('/', slash + 1);
  const Pmu pmu(name, devices + "/" + name);
  for (const Term& term : split(text.substr(slash + 1, end == std::string::npos ? end : end - slash - 1)))
    if (auto r = pmu.add(term, out, false); !r) return tl::unexpected<Error>(r.error());
  return out;
}

}  // namespace tracectl::kernel
