// SPDX-License-Identifier: MIT
#include "core/protobuf.hpp"

namespace tracectl {

bool ProtobufFields::next() {
  if (left_.empty() || !good_) return false;
  good_ = read();
  return good_;
}

bool ProtobufFields::read() {
  constexpr uint64_t kMostFields = (uint64_t{1} << 29) - 1;
  uint64_t tag = 0;
  if (!varint(tag) || tag >> 3 == 0 || tag >> 3 > kMostFields) return false;
  field_ = static_cast<uint32_t>(tag >> 3);
  type_ = static_cast<Type>(tag & 7);
  number_ = 0;
  bytes_ = {};
  switch (type_) {
    case Type::number:
      return varint(number_);
    case Type::bytes: {
      uint64_t size = 0;
      return varint(size) && skip(size);
    }
    case Type::eight_bytes:
      return skip(8);
    case Type::four_bytes:
      return skip(4);
  }
  return false;  // groups, which nobody writes any more
}

// At most ten bytes; bits above the 64th fall away, as protobuf has it.
bool ProtobufFields::varint(uint64_t& value) {
  constexpr unsigned kMostBits = 70;
  value = 0;
  for (unsigned shift = 0; shift < kMostBits && !left_.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(left_.front());
    left_.remove_prefix(1);
    if (shift < 64) value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool ProtobufFields::skip(uint64_t size) {
  if (size > left_.size()) return false;
  bytes_ = left_.substr(0, size);
  left_.remove_prefix(size);
  return true;
}

}  // namespace tracectl
