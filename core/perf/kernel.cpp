// SPDX-License-Identifier: MIT
#include "core/perf/kernel.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/perf/uapi.hpp"

namespace tracectl::perf {

OpenOutcome event_open(perf_event_attr& attr, pid_t pid, int cpu, int group_fd, unsigned long flags) {
  const long fd = ::syscall(SYS_perf_event_open, &attr, pid, cpu, group_fd, flags | PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) return {Fd(), errno};
  return {Fd(static_cast<int>(fd)), 0};
}

OpenOutcome event_open(const perf_event_attr& attr, uint64_t config3, pid_t pid, int cpu, int group_fd,
                       unsigned long flags) {
  perf_event_attr copy = attr;
  if (config3 == 0) return event_open(copy, pid, cpu, group_fd, flags);
  struct {
    alignas(8) unsigned char bytes[kAttrSize + sizeof(uint64_t)];
  } longer{};
  copy.size = sizeof longer.bytes;
  std::memcpy(longer.bytes, &copy, kAttrSize);
  std::memcpy(longer.bytes + kAttrSize, &config3, sizeof config3);
  const long fd = ::syscall(SYS_perf_event_open, longer.bytes, pid, cpu, group_fd, flags | PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) return {Fd(), errno};
  return {Fd(static_cast<int>(fd)), 0};
}

}  // namespace tracectl::perf
