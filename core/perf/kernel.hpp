// SPDX-License-Identifier: MIT
// The system call seam of perf: every perf_event_open of tracectl goes through here.
//
// Errors: the errno is kept as a number, because probing by trial reads meaning out of it
// (EINVAL: the kernel does not know; EOPNOTSUPP: it knows and this event cannot).
// Source: perf_event_open(2).
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "core/fd.hpp"

struct perf_event_attr;

namespace tracectl::perf {

struct OpenOutcome {
  Fd fd;
  int error = 0;  // errno; 0 when fd is valid
};

// attr.size is filled in by the caller. The descriptor is close-on-exec always.
[[nodiscard]] OpenOutcome event_open(perf_event_attr& attr, pid_t pid, int cpu, int group_fd = -1, unsigned long flags = 0);
// The same with attr.config3, which is behind the 128 bytes that a capture keeps of an attr (PERF_ATTR_SIZE_VER8, Linux
// 6.3). 0: as above. Errors: E2BIG from a kernel that does not know it.
[[nodiscard]] OpenOutcome event_open(const perf_event_attr& attr, uint64_t config3, pid_t pid, int cpu, int group_fd,
                                     unsigned long flags);

}  // namespace tracectl::perf
