// SPDX-License-Identifier: MIT
// A compiled tracepoint filter: what `ret < 0 && fd != 2` becomes. The compiler is in
// triggers/; the evaluator (core/filter_eval.hpp) is header-only, allocates nothing and
// throws nothing, because the emulated machine's plugin runs it inside the traced program.
//
// Shape: postfix. A compare pushes a truth value; not, and, or combine.
// Source: the grammar is the kernel's, Documentation/trace/events.rst, section 5.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tracectl {

enum class FilterCode : uint8_t { compare, logical_not, logical_and, logical_or };
enum class FilterRelation : uint8_t { eq, ne, lt, le, gt, ge, band, glob, not_glob };
// What a compare reads. arg0..arg5 are the system call's arguments.
enum class FilterField : uint8_t {
  arg0,
  arg1,
  arg2,
  arg3,
  arg4,
  arg5,
  ret,
  syscall_nr,
  common_pid,
  comm,
  cpu,
  common_type,
  common_flags,
  common_preempt_count
};

// One operation, plain data: it is copied to the plugin as bytes.
struct FilterOp {
  FilterCode code;
  FilterField field;
  FilterRelation relation;
  uint8_t size;       // bytes of the field that count: 1, 2, 4, 8
  uint8_t is_signed;  // compare as signed
  uint8_t is_string;  // the field is text (comm, or a char* argument); `text` holds the pattern
  uint16_t text;      // offset of a NUL-terminated pattern in FilterProgram::pool
  uint64_t value;
};
static_assert(sizeof(FilterOp) == 16);

struct FilterProgram {
  std::vector<FilterOp> ops;  // empty: every hit passes
  std::string pool;           // NUL-terminated patterns
};

}  // namespace tracectl
