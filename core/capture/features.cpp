// SPDX-License-Identifier: MIT
#include "core/capture/features.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <map>

#include "core/capture/format.hpp"
#include "core/perf/uapi.hpp"

namespace tracectl::capture {
namespace {

template <class T>
void put(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string& out, const std::string& text) {
  const size_t length = (text.size() + 1 + kStringAlign - 1) / kStringAlign * kStringAlign;
  put(out, static_cast<uint32_t>(length));
  out += text;
  out.append(length - text.size(), '\0');
}

std::string one_text(const std::string& text) {
  std::string out;
  put_text(out, text);
  return out;
}

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string nr_cpus(const FeatureFacts& facts) {
  std::string out;
  put(out, facts.cpus_configured);
  put(out, facts.cpus_online);
  return out;
}

std::string command_line(const std::vector<std::string>& words) {
  std::string out;
  put(out, static_cast<uint32_t>(words.size()));
  for (const auto& word : words) put_text(out, word);
  return out;
}

std::string event_desc(const std::vector<EventSetup>& events) {
  std::string out;
  put(out, static_cast<uint32_t>(events.size()));
  put(out, static_cast<uint32_t>(perf::kAttrSize));
  for (const auto& event : events) {
    // perf 6.1 drops the names, with a warning, when a bit is set here that was reserved
    // then; aux_action stays in the attrs in front of the records.
    auto attr = event.attr;
    std::memset(attr.data() + perf::kAuxActionOffset, 0, sizeof(uint32_t));
    put(out, attr);
    put(out, static_cast<uint32_t>(event.ids.size()));
    put_text(out, event.name);
    for (const uint64_t id : event.ids) put(out, id);
  }
  return out;
}

std::string auxtrace_index(const std::vector<IndexEntry>& index) {
  std::string out;
  put(out, static_cast<uint64_t>(index.size()));
  for (const IndexEntry& entry : index) {
    put(out, entry.offset);
    put(out, entry.size);
  }
  return out;
}

std::map<unsigned, std::string> sections_of(const FeatureFacts& facts, const std::vector<IndexEntry>& index) {
  std::map<unsigned, std::string> out;
  const auto text = [&out](unsigned feature, const std::string& value) {
    if (!value.empty()) out[feature] = one_text(value);
  };
  text(kHostname, facts.hostname);
  text(kOsRelease, facts.os_release);
  out[kVersion] = one_text("tracectl");
  text(kArch, facts.arch);
  if (facts.cpus_configured != 0) out[kNrCpus] = nr_cpus(facts);
  text(kCpuDesc, facts.cpu_desc);
  text(kCpuId, facts.cpuid);
  if (!facts.command_line.empty()) out[kCmdline] = command_line(facts.command_line);
  out[kEventDesc] = event_desc(facts.events);
  if (!index.empty()) out[kAuxtraceIndex] = auxtrace_index(index);
  return out;
}

}  // namespace

std::string arch_of(uint32_t aux_type) {
  utsname host{};
  ::uname(&host);
  return aux_type == perf::kAuxtraceCsEtm ? "aarch64" : aux_type == perf::kAuxtraceIntelPt ? "x86_64" : host.machine;
}

FeatureFacts facts_of_this_machine(const WriterSetup& setup) {
  utsname host{};
  ::uname(&host);
  FeatureFacts facts;
  facts.hostname = host.nodename;
  facts.os_release = host.release;
  facts.arch = arch_of(setup.aux_info.type);
  facts.cpu_desc = cpu_model();
  facts.cpuid = setup.cpuid;
  facts.cpus_configured = static_cast<uint32_t>(::sysconf(_SC_NPROCESSORS_CONF));
  facts.cpus_online = static_cast<uint32_t>(::sysconf(_SC_NPROCESSORS_ONLN));
  facts.command_line = setup.command_line;
  facts.events = setup.events;
  return facts;
}

FeatureBlock feature_block(const FeatureFacts& facts, const std::vector<IndexEntry>& index, uint64_t begin) {
  const auto sections = sections_of(facts, index);
  FeatureBlock out;
  std::string bodies;
  const uint64_t first = begin + sections.size() * sizeof(FileSection);
  for (const auto& [feature, body] : sections) {
    put(out.bytes, FileSection{first + bodies.size(), body.size()});
    bodies += body;
    out.bits[feature / 64] |= uint64_t{1} << (feature % 64);
  }
  out.bytes += bodies;
  return out;
}

}  // namespace tracectl::capture
