// SPDX-License-Identifier: MIT
#include "machines/kernel/clock.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

#include <fstream>
#include <map>
#include <span>
#include <sstream>

#include "core/clock.hpp"
#include "core/perf/kernel.hpp"
#include "core/perf/uapi.hpp"

namespace tracectl::kernel {
namespace {

// Any event's mapped page tells; a software event needs no right.
intel_pt::TimeConversion time_conversion(uint64_t page_size) {
  intel_pt::TimeConversion out{0, 0, 0};
  perf_event_attr attr{};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_DUMMY;
  attr.size = perf::kAttrSize;
  attr.exclude_kernel = 1;
  const auto opened = perf::event_open(attr, 0, -1);
  if (opened.error != 0) return out;
  void* map = mmap(nullptr, 2 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, opened.fd.get(), 0);
  if (map == MAP_FAILED) return out;
  const auto* page = static_cast<const perf_event_mmap_page*>(map);
  if (page->cap_user_time_zero != 0) out = {page->time_shift, page->time_mult, page->time_zero};
  munmap(map, 2 * page_size);
  return out;
}

uint64_t number_in(const std::string& path) {
  uint64_t out = 0;
  std::ifstream in(path);
  in >> out;
  return in ? out : 0;
}

}  // namespace

intel_pt::AuxInfoSetup aux_info_of(const HostFacts& host) {
  intel_pt::AuxInfoSetup out;
  const auto pmu = host.pmus.find("intel_pt");
  if (pmu != host.pmus.end()) out.pmu_type = pmu->second.type;
  out.time = time_conversion(host.page_size);
  out.max_nonturbo_ratio = number_in(host.path("/sys/bus/event_source/devices/intel_pt/max_nonturbo_ratio"));
#if defined(__x86_64__)
  // Leaf 15H: EBX / EAX is TSC over the core crystal clock, which CTC counts.
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(0x15, 0, &a, &b, &c, &d) != 0) {
    out.tsc_ctc_n = b;
    out.tsc_ctc_d = a;
  }
#endif
  return out;
}

std::vector<std::byte> time_conv_record(uint64_t page_size) {
  const auto time = time_conversion(page_size);
  if (time.mult == 0) return {};
  perf::TimeConvRecord record{};
  record.header = {perf::kTimeConv, 0, sizeof record};
  record.shift = time.shift;
  record.mult = time.mult;
  record.zero = time.zero;
  record.mask = ~uint64_t{0};
  record.cap_user_time_zero = 1;
  const auto bytes = std::as_bytes(std::span(&record, 1));
  return {bytes.begin(), bytes.end()};
}

std::string cpuid_text(const std::string& cpuinfo) {
  std::map<std::string, std::string> first;
  std::istringstream in(cpuinfo);
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const auto end = line.find_last_not_of(" \t", colon - 1);
    if (end == std::string::npos || colon + 2 > line.size()) continue;
    first.emplace(line.substr(0, end + 1), line.substr(colon + 2));
  }
  if (first.count("vendor_id") == 0) return "";
  return fmt::format("{},{},{},{}", first["vendor_id"], first["cpu family"], first["model"], first["stepping"]);
}

uint64_t trace_clock() {
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  uint64_t now = 0;
  asm volatile("mrs %0, cntvct_el0" : "=r"(now));  // the kernel lets user mode read it: cap_user_time
  return now;
#else
  return 0;
#endif
}

uint64_t record_clock(uint64_t page_size) {
  const auto time = time_conversion(page_size);
  return time.mult == 0 ? 0 : ClockRate{time.shift, time.mult, time.zero}.ns_of(trace_clock());
}

}  // namespace tracectl::kernel
