// SPDX-License-Identifier: MIT
#include "machines/kernel/kernel_sideband.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cerrno>

#include "core/perf/kernel.hpp"
#include "core/perf/record_build.hpp"

namespace tracectl::kernel {
namespace {

constexpr uint64_t kRing = 64 << 10;         // bytes of records
constexpr uint32_t kFirstIdx = 0x7000'0000;  // no stream of trace has such a number

perf_event_attr attr_of() {
  perf_event_attr attr = perf::recorded_attr(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY);
  attr.ksymbol = attr.bpf_event = attr.text_poke = 1;
  return attr;
}

}  // namespace

KernelSideband::~KernelSideband() {
  for (const auto& ring : rings_)
    if (ring->base != nullptr) munmap(ring->base, host_.page_size + kRing);
}

Result<> KernelSideband::open_on(int cpu) {
  const std::string doing = fmt::format("watching changes of the kernel's code on cpu {}", cpu);
  perf_event_attr attr = attr_of();
  auto opened = perf::event_open(attr, -1, cpu);
  errno = opened.error;
  if (opened.error != 0) return fail_errno(doing, "root, or sysctl kernel.perf_event_paranoid=0");
  auto ring = std::make_unique<Ring>();
  ring->fd = std::move(opened.fd);
  ring->cpu = cpu;
  void* base = mmap(nullptr, host_.page_size + kRing, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd.get(), 0);
  if (base == MAP_FAILED) return fail_errno(doing, "sysctl kernel.perf_event_mlock_kb, or run as root");
  ring->base = base;
  uint64_t id = 0;
  if (ioctl(ring->fd.get(), PERF_EVENT_IOC_ID, &id) != 0) return fail_errno(doing);
  rings_.push_back(std::move(ring));
  if (auto r = writer_.add_id(1, id); !r) return r;
  Channel channel;
  channel.idx = kFirstIdx + static_cast<uint32_t>(cpu);
  channel.cpu = cpu;
  channel.data =
      perf::DataRing(static_cast<perf_event_mmap_page*>(base), static_cast<const std::byte*>(base) + host_.page_size, kRing);
  session_.add(std::move(channel));
  return {};
}

Result<> KernelSideband::open(const std::vector<int>& cpus) {
  for (const int cpu : cpus)
    if (auto r = open_on(cpu); !r) return r;
  return {};
}

void KernelSideband::end() {
  for (const auto& ring : rings_) session_.remove(kFirstIdx + static_cast<uint32_t>(ring->cpu));
}

}  // namespace tracectl::kernel
