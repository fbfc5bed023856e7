// SPDX-License-Identifier: MIT
// The compiler of tracepoint filters: `ret < 0 && fd != 2` to a FilterProgram.
//
// Source: the kernel's grammar (Documentation/trace/events.rst, section 5;
//         kernel/trace/trace_events_filter.c): what the kernel refuses is refused. Also
//         refused, because the kernel takes it and then never does what was meant: text
//         compares of user pointers without .ustring, a trailing && or ||, arrays, and globs
//         that begin with a digit (the kernel takes those as plain text).
// Errors: the place in the text, a message and a hint that names the fields.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/filter.hpp"
#include "core/result.hpp"
#include "triggers/syscalls.hpp"
#include "triggers/text_error.hpp"

namespace tracectl {

struct FilterFieldInfo {
  std::string name;
  FilterField field;
  uint8_t size = 8;
  bool is_signed = false;
  bool is_text = false;     // comm, or a char* argument
  bool is_pointer = false;  // text in user memory: needs .ustring
  std::string refusal;      // not filterable: why
};

// The fields of syscalls:sys_enter_X or sys_exit_X; of raw_syscalls:* when `info` is null.
[[nodiscard]] std::vector<FilterFieldInfo> syscall_fields(const SyscallInfo* info, bool is_exit);

[[nodiscard]] tl::expected<FilterProgram, TextError> compile_filter(std::string_view text,
                                                                    const std::vector<FilterFieldInfo>& fields);

}  // namespace tracectl
