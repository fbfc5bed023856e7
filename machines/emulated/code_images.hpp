// SPDX-License-Identifier: MIT
// The file in the capture that holds code which lies in no file: made at the first request,
// handed to the traced processes in chunks, which they map and fill themselves.
#pragma once

#include <cstdint>
#include <string>

#include "core/fd.hpp"

namespace tracectl::emulated {

class CodeImages {
 public:
  explicit CodeImages(std::string directory) : directory_(std::move(directory)) {}
  // A chunk of the file that nobody has, its space on the disk taken. False when there is none to be had.
  bool grow(uint64_t& offset, uint64_t& size);
  [[nodiscard]] int file() const { return file_.get(); }
  // Absolute: perf opens what a record names.
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  bool open();
  std::string directory_, path_;
  Fd file_;
  uint64_t end_ = 0;
};

}  // namespace tracectl::emulated
