// SPDX-License-Identifier: MIT
// MappedFile: a file as read-only memory, unmapped once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/fd.hpp"
#include "core/result.hpp"

namespace tracectl::capture {

class MappedFile {
 public:
  // A regular file of at least one byte; anything else is an error.
  static Result<MappedFile> open(const std::string& path);
  MappedFile() = default;
  MappedFile(MappedFile&& o) noexcept;
  MappedFile& operator=(MappedFile&& o) noexcept;
  ~MappedFile();
  [[nodiscard]] std::span<const std::byte> bytes() const { return {base_, size_}; }
  // A part of the file once more, at `place`; all three are multiples of a page. False: the kernel would not.
  [[nodiscard]] bool map_at(std::byte* place, uint64_t offset, size_t size) const;

 private:
  Fd fd_;
  const std::byte* base_ = nullptr;
  size_t size_ = 0;
};

}  // namespace tracectl::capture
