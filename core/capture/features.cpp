// SPDX-License-Identifier: MIT
#include "core/capture/features.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

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

std::string nr_cpus() {
  std::string out;
  put(out, static_cast<uint32_t>(::sysconf(_SC_NPROCESSORS_CONF)));
  put(out, static_cast<uint32_t>(::sysconf(_SC_NPROCESSORS_ONLN)));
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

std::string auxtrace_index(const std::vector<uint64_t>& index) {
  std::string out;
  put(out, static_cast<uint64_t>(index.size()));
  for (const uint64_t offset : index) {
    put(out, offset);
    put(out, static_cast<uint64_t>(sizeof(perf::AuxtraceRecord)));
  }
  return out;
}

}  // namespace

std::map<unsigned, std::string> feature_sections(const WriterSetup& setup, const std::vector<uint64_t>& index) {
  utsname host{};
  ::uname(&host);
  std::map<unsigned, std::string> out;
  out[kHostname] = one_text(host.nodename);
  out[kOsRelease] = one_text(host.release);
  out[kVersion] = one_text("tracectl");
  // Decoders take the traced program's architecture from here; it may run emulated.
  out[kArch] = one_text(setup.aux_info.type == perf::kAuxtraceCsEtm ? "aarch64" : host.machine);
  out[kNrCpus] = nr_cpus();
  out[kCpuDesc] = one_text(cpu_model());
  if (!setup.cpuid.empty()) out[kCpuId] = one_text(setup.cpuid);
  if (!setup.command_line.empty()) out[kCmdline] = command_line(setup.command_line);
  out[kEventDesc] = event_desc(setup.events);
  if (!index.empty()) out[kAuxtraceIndex] = auxtrace_index(index);
  return out;
}

}  // namespace tracectl::capture
