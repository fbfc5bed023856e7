// SPDX-License-Identifier: MIT
// Result<T>: the outcome of talking to the outside world (plan, kernel, files, trace bytes).
//
// Errors: an Error says what was being done, what went wrong (with the value, and the
// kernel's own word where there is one) and what to do next. `kind` is the exit code that
// cli/ uses. No exception crosses a folder.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace tracectl {

// The values are the exit codes of the program.
enum class ErrorKind : int { failed = 1, usage = 2, unsupported = 3 };

struct Error {
  ErrorKind kind = ErrorKind::failed;
  std::string what;  // "cannot open /x/y: No such file or directory"
  std::string hint;  // what to do next; may be empty

  [[nodiscard]] std::string message() const { return hint.empty() ? what : what + "\n  hint: " + hint; }
};

template <class T = void>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(std::string what, std::string hint = {}) {
  return tl::unexpected<Error>(Error{ErrorKind::failed, std::move(what), std::move(hint)});
}
inline tl::unexpected<Error> fail_usage(std::string what, std::string hint = {}) {
  return tl::unexpected<Error>(Error{ErrorKind::usage, std::move(what), std::move(hint)});
}
inline tl::unexpected<Error> fail_unsupported(std::string what, std::string hint = {}) {
  return tl::unexpected<Error>(Error{ErrorKind::unsupported, std::move(what), std::move(hint)});
}
// "DOING: strerror(errno)"; call it before anything can change errno.
inline tl::unexpected<Error> fail_errno(const std::string& doing, std::string hint = {}) {
  return fail(doing + ": " + std::strerror(errno), std::move(hint));
}

}  // namespace tracectl
