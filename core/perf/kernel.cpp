// SPDX-License-Identifier: MIT
#include "core/perf/kernel.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "core/perf/uapi.hpp"

namespace tracectl::perf {

OpenOutcome event_open(perf_event_attr& attr, pid_t pid, int cpu, int group_fd, unsigned long flags) {
  const long fd = ::syscall(SYS_perf_event_open, &attr, pid, cpu, group_fd, flags | PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) return {Fd(), errno};
  return {Fd(static_cast<int>(fd)), 0};
}

}  // namespace tracectl::perf
