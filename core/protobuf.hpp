// SPDX-License-Identifier: MIT
// Protobuf: the few parts of the wire format that our formats need. A message is its fields in
// any order; a nested message is the bytes of another one.
//
// Errors: ProtobufFields stops at bytes that are no field, and says so (good()).
// Source: protobuf.dev/programming-guides/encoding: a field is a varint of number << 3 | type
// (0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes), then its value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tracectl {

// A message to write.
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

// The fields of a message, one after the other.
class ProtobufFields {
 public:
  enum class Type : uint8_t { number = 0, eight_bytes = 1, bytes = 2, four_bytes = 5 };

  explicit ProtobufFields(std::string_view message) : left_(message) {}
  // The next one; false: there is none, or its bytes are no field.
  bool next();
  [[nodiscard]] bool good() const { return good_; }
  // Of the field that next() found.
  [[nodiscard]] bool is(uint32_t field, Type type) const { return field_ == field && type_ == type; }
  [[nodiscard]] uint64_t number() const { return number_; }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  bool read();
  bool varint(uint64_t& value);
  bool skip(uint64_t size);

  std::string_view left_, bytes_;
  uint64_t number_ = 0;
  uint32_t field_ = 0;
  Type type_ = Type::number;
  bool good_ = true;
};

}  // namespace tracectl
