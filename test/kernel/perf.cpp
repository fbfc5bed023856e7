// SPDX-License-Identifier: MIT
// What the running kernel answers to the events that tracectl probes and opens: the refusals
// of aux_action, and breakpoints. No trace hardware and no rights beyond
// perf_event_paranoid <= 2 are needed; where even that is missing, it says so and exits 77.
// Source: kernel/events/core.c, perf_copy_attr, perf_event_alloc, perf_get_aux_event.
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/host.hpp"
#include "core/perf/kernel.hpp"
#include "core/perf/uapi.hpp"

using namespace tracectl;

namespace {

int failures = 0;

void expect(const char* what, int got, int wanted) {
  const bool good = got == wanted;
  fmt::print("{} {}: {}", good ? "ok  " : "FAIL", what, got == 0 ? "opened" : std::strerror(got));
  if (!good) fmt::print(" (expected {})", wanted == 0 ? "opened" : std::strerror(wanted));
  fmt::print("\n");
  if (!good) ++failures;
}

perf_event_attr dummy(uint32_t aux_action) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_DUMMY;
  attr.size = perf::kAttrSize;
  attr.sample_period = 1;
  attr.disabled = 1;
  attr.exclude_kernel = 1;
  perf::set_aux_action(attr, aux_action);
  return attr;
}

int open_error(uint32_t aux_action, int group_fd = -1) {
  auto attr = dummy(aux_action);
  return perf::event_open(attr, 0, -1, group_fd).error;
}

// Linux 6.13 knows the bits; before, every one of them is a reserved bit that must be zero.
void check_refusals(bool kernel_knows) {
  expect("a software event that starts paused", open_error(perf::kAuxStartPaused), kernel_knows ? EOPNOTSUPP : EINVAL);
  expect("pause without a group", open_error(perf::kAuxPause), EINVAL);
  expect("resume without a group", open_error(perf::kAuxResume), EINVAL);
  expect("pause and resume in one event", open_error(perf::kAuxPause | perf::kAuxResume), EINVAL);
  expect("a reserved bit of aux_action", open_error(1u << 3), EINVAL);
  auto attr = dummy(0);
  const auto leader = perf::event_open(attr, 0, -1);
  expect("a software leader", leader.error, 0);
  expect("pause in a group that a software event leads", open_error(perf::kAuxPause, leader.fd.get()), EINVAL);
}

// AUX space on an event whose PMU has none.
void check_aux_mmap() {
  auto attr = dummy(0);
  const auto opened = perf::event_open(attr, 0, -1);
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  void* base = ::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, opened.fd.get(), 0);
  if (base == MAP_FAILED) {
    fmt::print("note: the data ring cannot be mapped ({}); the AUX mmap is not tried\n", std::strerror(errno));
    return;
  }
  auto* control = static_cast<perf_event_mmap_page*>(base);
  control->aux_offset = 2 * page;
  control->aux_size = page;
  void* aux = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, opened.fd.get(), static_cast<off_t>(2 * page));
  expect("AUX space on a software event", aux == MAP_FAILED ? errno : 0, EOPNOTSUPP);
  ::munmap(base, 2 * page);
}

__attribute__((noinline)) void called() { asm volatile(""); }

// The breakpoint that a trigger becomes: user space only, so that paranoid 2 allows it.
void check_breakpoint_counts() {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_BREAKPOINT;
  attr.size = perf::kAttrSize;
  attr.bp_type = 4;  // HW_BREAKPOINT_X
  attr.bp_addr = reinterpret_cast<uintptr_t>(&called);
  attr.bp_len = sizeof(long);
  attr.sample_period = 1;
  attr.exclude_kernel = 1;
  const auto opened = perf::event_open(attr, 0, -1);
  expect("an execute breakpoint in user space", opened.error, 0);
  if (opened.error != 0) return;
  for (int i = 0; i < 7; ++i) called();
  uint64_t hits = 0;
  const bool counted = ::read(opened.fd.get(), &hits, sizeof hits) == sizeof hits && hits == 7;
  fmt::print("{} seven calls hit it {} times\n", counted ? "ok  " : "FAIL", hits);
  if (!counted) ++failures;
}

}  // namespace

int main() {
  utsname name{};
  ::uname(&name);
  fmt::print("Linux {}\n", name.release);
  if (const int error = open_error(0); error != 0) {
    fmt::print("skipped: this kernel opens no perf event for us: {}\n", std::strerror(error));
    return 77;
  }
  int major = 0, minor = 0;
  std::sscanf(name.release, "%d.%d", &major, &minor);
  const bool kernel_knows = major > 6 || (major == 6 && minor >= 13);
  HostFacts facts = read_host();
  probe_host(facts);
  check_refusals(kernel_knows);
  const auto wanted = kernel_knows ? AuxActionSupport::abi_known : AuxActionSupport::kernel_too_old;
  fmt::print("{} the probe tells the same\n", facts.aux_action == wanted ? "ok  " : "FAIL");
  if (facts.aux_action != wanted) ++failures;
  check_aux_mmap();
  if (!facts.breakpoint_slots || *facts.breakpoint_slots == 0) {
    fmt::print("note: no free breakpoint slot here; breakpoints are not tried\n");
  } else {
    fmt::print("note: {} breakpoint slots, the next is ENOSPC\n", *facts.breakpoint_slots);
    check_breakpoint_counts();
  }
  return failures == 0 ? 0 : 1;
}
