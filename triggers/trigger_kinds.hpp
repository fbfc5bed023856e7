// SPDX-License-Identifier: MIT
// The kinds of trigger: one table that says how each is spelled, which machine has it and
// what it is; and the parser of an `on` value.
//
// Shape: kind ':' rest. In OBJECT:SYMBOL the first single ':' divides; `::` never does, so
//        C++ names need no quoting.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/resolved_plan.hpp"
#include "core/result.hpp"
#include "triggers/syscalls.hpp"
#include "triggers/text_error.hpp"

namespace tracectl {

struct TriggerKindInfo {
  TriggerKind kind;
  const char* name;
  const char* grammar;
  const char* example;
  bool kernel;    // the kernel machine has it
  bool emulated;  // the emulated machine has it
  const char* help;
};

[[nodiscard]] std::span<const TriggerKindInfo> trigger_kinds();
[[nodiscard]] const TriggerKindInfo& info_of(TriggerKind kind);

// An `on` value, taken apart.
struct TriggerEvent {
  TriggerKind kind = TriggerKind::breakpoint;
  CodeLocation where;                    // breakpoint, probes
  std::string tp_group, tp_name;         // tracepoint
  const SyscallInfo* syscall = nullptr;  // syscalls:*
  bool is_syscall = false;               // syscalls:* or raw_syscalls:*
  bool syscall_exit = false;
  std::string event;  // event: the rest
};

// `backend`: whose system calls `syscalls:*` names.
[[nodiscard]] tl::expected<TriggerEvent, TextError> parse_on(std::string_view text,
                                                             BackendKind backend = BackendKind::intel_pt);
// OBJECT:SYMBOL, as `function =` takes it. `base` is added to the offsets of errors.
[[nodiscard]] tl::expected<CodeLocation, TextError> parse_function(std::string_view text, unsigned base = 0);
// "app:parse_header+0x10", "app:src/parse.c:88", "0x401136".
[[nodiscard]] std::string text_of(const CodeLocation& where);

}  // namespace tracectl
