// SPDX-License-Identifier: MIT
// System call tracepoints: the kernel's event name and the user's name (newuname, uname) to
// the number and the arguments, for x86-64 and AArch64. A backend's programs have one of the two.
//
// Shape: an argument's size and sign are those of the *event's* field, which is what a filter
//        compares: always the whole 8-byte register, unsigned, whatever the C type says.
// Source: /sys/kernel/tracing/events/syscalls/*/format; make_syscall_table.py writes the table.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/resolved_plan.hpp"

namespace tracectl {

struct SyscallArg {
  const char* name;
  const char* type;
  uint8_t size;
  bool is_signed;
};

struct SyscallInfo {
  const char* event;  // sys_enter_EVENT
  const char* name;   // as in the manual, section 2
  int nr;
  uint8_t arg_count;
  SyscallArg args[6];

  [[nodiscard]] std::span<const SyscallArg> arguments() const { return {args, arg_count}; }
};

// By number, ascending.
[[nodiscard]] std::span<const SyscallInfo> all_syscalls(BackendKind backend = BackendKind::intel_pt);
// By the event's name or the user's; null when there is none.
[[nodiscard]] const SyscallInfo* find_syscall(std::string_view name, BackendKind backend = BackendKind::intel_pt);
[[nodiscard]] const SyscallInfo* find_syscall(int nr, BackendKind backend = BackendKind::intel_pt);
// The known name nearest to `name`; "" when none is near.
[[nodiscard]] std::string nearest_syscall(std::string_view name, BackendKind backend = BackendKind::intel_pt);

}  // namespace tracectl
