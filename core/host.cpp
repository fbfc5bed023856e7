// SPDX-License-Identifier: MIT
// read_host: the facts that files under one root tell. No system call but open and read, so
// that a copied or hand-written tree gives what the live machine would.
#include "core/host.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace tracectl {
namespace {

namespace fs = std::filesystem;

// A file of /sys or /proc whole, without the newline at its end; nullopt when unreadable.
std::optional<std::string> slurp(const fs::path& path) {
  std::error_code ec;
  if (fs::is_directory(path, ec)) return std::nullopt;
  std::ifstream in(path);
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  // An empty file sets failbit on the stream that takes it; that is still a readable file.
  if (in.bad()) return std::nullopt;
  std::string s = std::move(text).str();
  while (!s.empty() && (s.back() == '\n' || s.back() == ' ')) s.pop_back();
  return s;
}

template <class T>
std::optional<T> number(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  T value{};
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (ec != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return value;
}

std::map<std::string, std::string> files_of(const fs::path& dir) {
  std::map<std::string, std::string> out;
  std::error_code ec;
  for (fs::directory_iterator it(dir, ec), end; !ec && it != end; it.increment(ec))
    if (auto text = slurp(it->path())) out[it->path().filename()] = *text;
  return out;
}

// Source: Documentation/trace/coresight: cpuN of the PMU is a link to the cpu's trace unit.
void count_trace_units(PmuFacts& pmu, const fs::path& dir) {
  std::error_code ec;
  for (fs::directory_iterator it(dir, ec), end; !ec && it != end; it.increment(ec)) {
    const std::string name = it->path().filename();
    if (!name.starts_with("cpu") || name.size() < 4 || name.find_first_not_of("0123456789", 3) != std::string::npos)
      continue;
    std::error_code none;
    ++(fs::exists(it->path() / "trcidr", none) ? pmu.pausing_units : pmu.other_units);
  }
}

void read_pmus(HostFacts& facts, const fs::path& root) {
  std::error_code ec;
  for (fs::directory_iterator it(root / "sys/bus/event_source/devices", ec), end; !ec && it != end; it.increment(ec)) {
    const auto type = number<uint32_t>(slurp(it->path() / "type"));
    if (!type) continue;  // not an event source without a type
    PmuFacts pmu;
    pmu.name = it->path().filename();
    pmu.type = *type;
    pmu.caps = files_of(it->path() / "caps");
    pmu.format = files_of(it->path() / "format");
    pmu.events = files_of(it->path() / "events");
    pmu.sinks = files_of(it->path() / "sinks");
    pmu.nr_addr_filters = number<unsigned>(slurp(it->path() / "nr_addr_filters")).value_or(0);
    count_trace_units(pmu, it->path());
    facts.pmus.emplace(pmu.name, std::move(pmu));
  }
}

// What tells one kind of sink from another. Source: Documentation/ABI/testing/sysfs-bus-coresight-devices-tmc, -trbe,
// -etb10.
void read_sinks(HostFacts& facts, const fs::path& root) {
  const auto etm = facts.pmus.find("cs_etm");
  if (etm == facts.pmus.end()) return;
  for (const auto& [name, id] : etm->second.sinks)
    for (const char* file :
         {"align", "flag", "buffer_size", "buf_mode_preferred", "buf_modes_available", "mgmt/rsz", "mgmt/rdp", "mgmt/devid"})
      if (auto text = slurp(root / "sys/bus/coresight/devices" / name / file)) facts.sink_devices[name][file] = *text;
}

std::string trimmed(const std::string& s) {
  const auto a = s.find_first_not_of(" \t");
  return a == std::string::npos ? "" : s.substr(a, s.find_last_not_of(" \t") - a + 1);
}

// x86 says "model name" and "flags"; AArch64 has no model name but "Features" and
// "CPU implementer"/"CPU part" numbers.
void read_cpuinfo(HostFacts& facts, const fs::path& root) {
  std::istringstream in(slurp(root / "proc/cpuinfo").value_or(""));
  unsigned cpus = 0;
  std::string part;
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = trimmed(line.substr(0, colon));
    const std::string value = trimmed(line.substr(colon + 1));
    if (key == "processor") ++cpus;
    if (key == "model name" && facts.cpu_model.empty()) facts.cpu_model = value;
    if (key == "CPU part" && part.empty()) part = value;
    if ((key == "flags" || key == "Features") && facts.cpu_flags.empty()) {
      std::istringstream words(value);
      for (std::string flag; words >> flag;) facts.cpu_flags.push_back(flag);
    }
  }
  if (facts.cpu_model.empty() && !part.empty()) facts.cpu_model = "Arm CPU part " + part;
  facts.cpus = std::max(cpus, 1u);
}

// A directory that may be entered and whose files may be read: tracefs is often mode 0700.
bool tracefs_readable(const fs::path& root) {
  for (const char* at : {"sys/kernel/tracing", "sys/kernel/debug/tracing"})
    if (std::ifstream(root / at / "available_events")) return true;
  return false;
}

}  // namespace

HostFacts read_host(const std::string& root) {
  HostFacts facts;
  facts.root = root.empty() ? "/" : root;
  const fs::path top(facts.root);
  facts.kernel_release = slurp(top / "proc/sys/kernel/osrelease").value_or("");
  facts.perf_event_paranoid = number<int>(slurp(top / "proc/sys/kernel/perf_event_paranoid"));
  if (const auto kb = number<uint64_t>(slurp(top / "proc/sys/kernel/perf_event_mlock_kb"))) facts.perf_event_mlock_kb = *kb;
  facts.tracefs = tracefs_readable(top);
  read_cpuinfo(facts, top);
  read_pmus(facts, top);
  read_sinks(facts, top);
  return facts;
}

}  // namespace tracectl
