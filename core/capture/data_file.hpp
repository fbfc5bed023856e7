// SPDX-License-Identifier: MIT
// DataFile: appends to a file without filling the page cache.
//
// Errors: a failed append is cut off again, so that the file always ends at a whole append.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/fd.hpp"
#include "core/result.hpp"

namespace tracectl::capture {

class DataFile {
 public:
  // The file must not exist yet.
  static Result<DataFile> create(const std::string& path);

  // All parts, one behind the other, straight from where they lie. At most 8 parts.
  // After an error every further call gives the same one: nothing is appended behind a hole.
  Result<> append(std::span<const std::span<const std::byte>> parts);
  Result<> append(std::span<const std::byte> part) { return append({&part, 1}); }
  // Overwrites bytes that were appended before.
  Result<> patch(uint64_t offset, std::span<const std::byte> bytes);
  [[nodiscard]] uint64_t size() const { return size_; }

 private:
  void drop_from_cache();

  std::string path_;
  Fd fd_;
  uint64_t size_ = 0;
  int failed_ = 0;        // errno of the append that failed
  uint64_t started_ = 0;  // writeback asked for up to here
  uint64_t dropped_ = 0;  // out of the page cache up to here
};

}  // namespace tracectl::capture
