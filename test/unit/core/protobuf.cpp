// SPDX-License-Identifier: MIT
#include "core/protobuf.hpp"

#include <catch2/catch.hpp>

using namespace tracectl;
using namespace std::string_literals;
using Type = ProtobufFields::Type;

namespace {

bool refused(const std::string& bytes) {
  ProtobufFields fields(bytes);
  return !fields.next() && !fields.good();
}

}  // namespace

TEST_CASE("a message is read as it was written") {
  Protobuf inner, outer;
  inner.number(1, ~uint64_t{0});
  outer.number(3, 0);
  outer.message(200, inner);
  outer.bytes(2, "");
  ProtobufFields fields(outer.text());
  REQUIRE(fields.next());
  CHECK((fields.is(3, Type::number) && fields.number() == 0));
  REQUIRE(fields.next());
  CHECK(!fields.is(200, Type::number));
  CHECK((fields.is(200, Type::bytes) && fields.bytes() == inner.text()));
  ProtobufFields nested(fields.bytes());
  REQUIRE(nested.next());
  CHECK((nested.is(1, Type::number) && nested.number() == ~uint64_t{0}));
  CHECK((!nested.next() && nested.good()));
  REQUIRE(fields.next());
  CHECK((fields.is(2, Type::bytes) && fields.bytes().empty()));
  CHECK((!fields.next() && fields.good()));
}

TEST_CASE("fields of a fixed size are passed over") {
  const std::string bytes =
      "\x09"
      "12345678"
      "\x15"
      "1234"
      "\x18\x05"s;
  ProtobufFields fields(bytes);
  REQUIRE(fields.next());
  CHECK(fields.is(1, Type::eight_bytes));
  REQUIRE(fields.next());
  CHECK((fields.is(2, Type::four_bytes) && fields.bytes() == "1234"));
  REQUIRE(fields.next());
  CHECK((fields.is(3, Type::number) && fields.number() == 5));
}

TEST_CASE("bytes that are no field") {
  CHECK(refused("\x08"));                            // no number
  CHECK(refused("\x08" + std::string(10, '\xff')));  // an endless one
  CHECK(
      refused("\x0a\x02"
              "1"));                                               // cut short
  CHECK(refused("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));  // longer than memory
  CHECK(
      refused("\x09"
              "1234567"));               // cut short
  CHECK(refused(std::string(2, '\0')));  // field 0
  CHECK(refused("\x0b\x0c"));            // a group
  CHECK(
      refused("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"
              "1"));  // a field's number is smaller
}
