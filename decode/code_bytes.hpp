// SPDX-License-Identifier: MIT
// CodeBytes: the code of one program as bytes by address, section over section: what is added later lies over what was
// there. Files are mapped once and shared (CodeFiles).
//
// Errors: a file that cannot be read, or that ends in front of the section, gives no bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "core/capture/mapped_file.hpp"
#include "decode/image.hpp"

namespace tracectl::decode {

// Files as bytes, each mapped once.
class CodeFiles {
 public:
  CodeFiles() = default;
  CodeFiles(const CodeFiles&) = delete;
  CodeFiles& operator=(const CodeFiles&) = delete;
  [[nodiscard]] std::span<const uint8_t> of(const std::string& path);

 private:
  std::map<std::string, capture::MappedFile> files_;
};

class CodeBytes {
 public:
  // `files` outlives it.
  explicit CodeBytes(CodeFiles& files) : files_(files) {}
  void add(const Section& section);
  // The bytes from `address` to the end of what was added at once; empty where there are none.
  [[nodiscard]] std::span<const uint8_t> at(uint64_t address) const;
  // Up to out.size() bytes across sections; how many.
  size_t read(uint64_t address, std::span<uint8_t> out) const;

 private:
  struct Part {
    uint64_t end = 0;
    const uint8_t* bytes = nullptr;
  };
  CodeFiles& files_;
  std::map<uint64_t, Part> parts_;  // by begin, disjoint
};

}  // namespace tracectl::decode
