// SPDX-License-Identifier: MIT
// The file that a verb writes: -o FILE, or the standard output.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "core/result.hpp"

namespace tracectl::cli {

struct FileClose {
  void operator()(std::FILE* f) const { std::fclose(f); }
};
using OutputFile = std::unique_ptr<std::FILE, FileClose>;

// Made anew. `path` "": null, for the standard output.
inline Result<OutputFile> open_output(const std::string& path) {
  if (path.empty()) return OutputFile();
  OutputFile file(std::fopen(path.c_str(), "we"));
  if (file == nullptr) return fail_errno("cannot write " + path);
  return file;
}
inline std::FILE* stream_of(const OutputFile& file) { return file != nullptr ? file.get() : stdout; }

// What is no text does not go to a terminal.
inline Result<> fits_output(bool is_text, const std::string& format, const std::string& path) {
  if (is_text || !path.empty() || ::isatty(STDOUT_FILENO) == 0) return {};
  return fail_usage("a file of the format " + format + " is no text for a terminal", "-o FILE");
}

}  // namespace tracectl::cli
