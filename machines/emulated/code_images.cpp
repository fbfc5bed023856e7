// SPDX-License-Identifier: MIT
#include "machines/emulated/code_images.hpp"

#include <fcntl.h>

#include <algorithm>
#include <climits>
#include <cstdlib>

namespace tracectl::emulated {
namespace {

// The first chunk serves a program with a trampoline or two; a compiler's later ones grow.
constexpr uint64_t kSmallest = 64 * 1024, kLargest = 1024 * 1024;

}  // namespace

bool CodeImages::open() {
  if (file_) return true;
  char absolute[PATH_MAX];
  if (realpath(directory_.c_str(), absolute) == nullptr) return false;
  path_ = std::string(absolute) + "/images/generated-code";
  file_ = Fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  return static_cast<bool>(file_);
}

bool CodeImages::grow(uint64_t& offset, uint64_t& size) {
  if (!open()) return false;
  offset = end_;
  size = std::clamp(end_, kSmallest, kLargest);
  // Space now or never: a full disk later would be a SIGBUS in the traced program.
  if (posix_fallocate(file_.get(), static_cast<off_t>(offset), static_cast<off_t>(size)) != 0) return false;
  end_ += size;
  return true;
}

}  // namespace tracectl::emulated
