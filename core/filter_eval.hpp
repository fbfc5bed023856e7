// SPDX-License-Identifier: MIT
// filter_eval: does one tracepoint hit pass its filter? Header-only, allocates nothing, throws
// nothing, calls nothing but read_string: the emulated machine's plugin runs it on every
// system call of the traced program.
//
// Semantics: those of the kernel (kernel/trace/trace_events_filter.c). A number is cut to the
// field's size before the compare, on both sides; `&` asks whether any common bit is set; text
// compares as a whole, `~` as a glob (* ? [a-z] [!a-z] and backslash); user text that cannot
// be read passes neither == nor !=.
// Shape: postfix, at most 64 truth values deep (the compiler refuses deeper ones); a program
// that is empty, or damaged, passes everything or nothing respectively.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/filter.hpp"

namespace tracectl {

struct FilterInput {
  const uint64_t* args = nullptr;  // six; only read when the program names an argument
  int64_t ret = 0;
  int syscall_nr = 0;
  int pid = 0;  // of the thread, as common_pid is
  const char* comm = "";
  int cpu = 0;
  // Copies the NUL-terminated text at `addr`, cut to n - 1 bytes. False: cannot be read.
  bool (*read_string)(uint64_t addr, char* buf, size_t n) = nullptr;
};

inline constexpr size_t kFilterDepth = 64;
inline constexpr size_t kFilterText = 1024;  // bytes of user text looked at, as the kernel does

// One [...] set; `p` stands after '['. Returns the place after ']', or null when there is none.
inline const char* filter_glob_set(const char* p, char c, bool* hit) {
  const bool invert = *p == '!';
  if (invert) ++p;
  const auto u = [](char x) { return static_cast<unsigned char>(x); };
  bool match = false;
  const char* const begin = p;
  while (*p != '\0' && (*p != ']' || p == begin)) {
    const char low = *p++;
    char high = low;
    if (*p == '-' && p[1] != '\0' && p[1] != ']') {
      high = p[1];
      p += 2;
    }
    if (u(low) <= u(c) && u(c) <= u(high)) match = true;
  }
  if (*p == '\0') return nullptr;
  *hit = match != invert;
  return p + 1;
}

// Linear in pattern times text: on a mismatch only the last star is tried again.
inline bool filter_glob(const char* pattern, const char* text) {
  const char* star = nullptr;
  const char* retry = nullptr;
  while (true) {
    const char c = *text;
    const char* next = pattern + 1;
    bool hit = false;
    if (*pattern == '*') {
      star = ++pattern;
      retry = text;
      continue;
    }
    if (*pattern == '\0' && c == '\0') return true;
    if (*pattern == '?') {
      hit = c != '\0';
    } else if (*pattern == '[' && c != '\0') {
      const char* after = filter_glob_set(pattern + 1, c, &hit);
      if (after == nullptr)
        hit = c == '[';  // no closing bracket: a plain '['
      else
        next = after;
    } else if (*pattern == '\\' && pattern[1] != '\0') {
      hit = pattern[1] == c;
      next = pattern + 2;
    } else {
      hit = *pattern == c && c != '\0';
    }
    if (hit) {
      pattern = next;
      ++text;
    } else {
      if (star == nullptr || *retry == '\0') return false;
      pattern = star;
      text = ++retry;
    }
  }
}

inline int64_t filter_number(const FilterOp& op, const FilterInput& in) {
  switch (op.field) {
    case FilterField::ret:
      return in.ret;
    case FilterField::syscall_nr:
      return in.syscall_nr;
    case FilterField::common_pid:
      return in.pid;
    case FilterField::cpu:
      return in.cpu;
    case FilterField::common_type:
    case FilterField::common_flags:
    case FilterField::common_preempt_count:
    case FilterField::comm:
      return 0;  // nothing behind them outside the kernel
    default:
      return in.args == nullptr ? 0 : static_cast<int64_t>(in.args[static_cast<unsigned>(op.field)]);
  }
}

inline int64_t filter_cut(int64_t value, unsigned size, bool is_signed) {
  if (size >= 8) return value;
  const unsigned shift = 64 - 8 * size;
  const uint64_t high = static_cast<uint64_t>(value) << shift;
  return is_signed ? static_cast<int64_t>(high) >> shift : static_cast<int64_t>(high >> shift);
}

inline bool filter_compare_number(const FilterOp& op, const FilterInput& in) {
  const int64_t a = filter_cut(filter_number(op, in), op.size, op.is_signed != 0);
  const int64_t b = filter_cut(static_cast<int64_t>(op.value), op.size, op.is_signed != 0);
  const auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  const bool less = op.is_signed != 0 ? a < b : ua < ub;
  switch (op.relation) {
    case FilterRelation::eq:
      return a == b;
    case FilterRelation::ne:
      return a != b;
    case FilterRelation::lt:
      return less;
    case FilterRelation::le:
      return less || a == b;
    case FilterRelation::gt:
      return !less && a != b;
    case FilterRelation::ge:
      return !less;
    case FilterRelation::band:
      return (ua & ub) != 0;
    default:
      return false;
  }
}

inline bool filter_compare_text(const FilterOp& op, const char* pool, const FilterInput& in) {
  char buffer[kFilterText];
  const char* text = in.comm;
  if (op.field != FilterField::comm) {
    const auto addr = static_cast<uint64_t>(filter_number(op, in));
    if (in.read_string == nullptr || !in.read_string(addr, buffer, sizeof buffer)) return false;
    text = buffer;
  }
  const char* pattern = pool + op.text;
  switch (op.relation) {
    case FilterRelation::eq:
      return std::strcmp(text, pattern) == 0;
    case FilterRelation::ne:
      return std::strcmp(text, pattern) != 0;
    case FilterRelation::glob:
      return filter_glob(pattern, text);
    case FilterRelation::not_glob:
      return !filter_glob(pattern, text);
    default:
      return false;
  }
}

inline bool filter_eval(const FilterOp* ops, size_t n, const char* pool, const FilterInput& in) {
  if (n == 0) return true;
  uint64_t stack = 0;  // truth values, the newest in bit 0
  size_t depth = 0;
  for (size_t i = 0; i < n; ++i) {
    const FilterOp& op = ops[i];
    if (op.code == FilterCode::compare) {
      if (++depth > kFilterDepth) return false;
      const bool truth = op.is_string != 0 ? filter_compare_text(op, pool, in) : filter_compare_number(op, in);
      stack = stack << 1 | (truth ? 1 : 0);
    } else if (op.code == FilterCode::logical_not) {
      if (depth < 1) return false;
      stack ^= 1;
    } else {
      if (depth < 2) return false;
      const uint64_t right = stack & 1, left = stack >> 1 & 1;
      const uint64_t truth = op.code == FilterCode::logical_and ? (left & right) : (left | right);
      stack = (stack >> 2) << 1 | truth;
      --depth;
    }
  }
  return depth == 1 && (stack & 1) != 0;
}

}  // namespace tracectl
