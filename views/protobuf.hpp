// SPDX-License-Identifier: MIT
// Protobuf: the few parts of the wire format that a writer needs. A message is its fields in
// any order; a nested message is the bytes of another one.
//
// Source: protobuf.dev/programming-guides/encoding: a field is a varint of number << 3 | type
// (0 varint, 2 length-delimited), then its value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tracectl::views {

class Protobuf {
 public:
  void number(uint32_t field, uint64_t value) {
    varint(uint64_t{field} << 3);
    varint(value);
  }
  // Text (which must be UTF-8) or bytes.
  void bytes(uint32_t field, std::string_view value) {
    varint(uint64_t{field} << 3 | 2);
    varint(value.size());
    bytes_.append(value);
  }
  void message(uint32_t field, const Protobuf& value) { bytes(field, value.bytes_); }
  [[nodiscard]] const std::string& text() const { return bytes_; }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  void clear() { bytes_.clear(); }

 private:
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }
  std::string bytes_;
};

}  // namespace tracectl::views
