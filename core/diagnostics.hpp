// SPDX-License-Identifier: MIT
// Diagnostics: every error and warning about one plan, each at its place in the text.
//
// Shape of one diagnostic, as printed:
//     plan.toml:7:5: error: unknown key "sise" in [buffer]
//         sise = "4MiB"
//         ^~~~
//     hint: did you mean "size"?
// Units: lines and columns count from 1; a column is a code point, as editors count.
// Order: printed by source name order of first use, then line, column; equal places keep
//        the order in which they were added.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace tracectl {

// One text that plan elements come from: a plan file, or the value of a command-line option.
struct SourceText {
  std::string name;  // "plan.toml", "--window"
  std::string text;
};

struct SourceRef {
  std::shared_ptr<const SourceText> source;  // null: no place, only a message
  unsigned line = 0, column = 0, length = 1;

  // The same line, `offset` columns further on.
  [[nodiscard]] SourceRef at_offset(unsigned offset, unsigned len) const {
    SourceRef ref = *this;
    ref.column += offset;
    ref.length = len == 0 ? 1 : len;
    return ref;
  }
};

enum class Severity : uint8_t { error, warning };

struct Diagnostic {
  Severity severity = Severity::error;
  ErrorKind kind = ErrorKind::usage;  // errors: usage, or unsupported (this machine cannot)
  SourceRef at;
  std::string message, hint;
};

class Diagnostics {
 public:
  void error(const SourceRef& at, std::string message, std::string hint = {});
  void unsupported(const SourceRef& at, std::string message, std::string hint = {});
  void warning(const SourceRef& at, std::string message, std::string hint = {});

  [[nodiscard]] bool has_errors() const { return errors_ != 0; }
  [[nodiscard]] size_t error_count() const { return errors_; }
  [[nodiscard]] const std::vector<Diagnostic>& all() const { return all_; }
  // The exit code of the whole: usage when any error is one, else unsupported, else 0.
  [[nodiscard]] int exit_code() const;
  // Everything, sorted; empty when there is nothing to say. Ends with a newline.
  [[nodiscard]] std::string text() const;

 private:
  void add(Diagnostic diagnostic);
  std::vector<Diagnostic> all_;
  size_t errors_ = 0;
};

// The element of `candidates` that `word` was most likely meant to be; "" when all are far.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace tracectl
