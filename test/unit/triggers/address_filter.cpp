// SPDX-License-Identifier: MIT
#include "triggers/address_filter.hpp"

#include <catch2/catch.hpp>

using namespace tracectl;

TEST_CASE("address filters as plans write them") {
  const auto symbol = parse_address_filter("libc.so.6:qsort");
  REQUIRE(symbol);
  CHECK(symbol->object == "libc.so.6");
  CHECK(symbol->symbol == "qsort");
  CHECK_FALSE(symbol->of_kernel());
  CHECK(parse_address_filter("app:*")->symbol == "*");
  const auto range = parse_address_filter("app:0x1000-0x1ff0");
  REQUIRE(range);
  CHECK(range->symbol.empty());
  CHECK(range->from == 0x1000);
  CHECK(range->to == 0x1ff0);
  CHECK(parse_address_filter("0xffffffff81000000-0xffffffff81001000")->of_kernel());
  CHECK(parse_address_filter("kernel:vfs_read")->of_kernel());
}

TEST_CASE("places where a trace starts and stops") {
  using Kind = AddressFilter::Kind;
  const auto start = parse_address_filter("start app:main");
  REQUIRE(start);
  CHECK((start->kind == Kind::start && start->object == "app" && start->symbol == "main"));
  const auto stop = parse_address_filter("stop app:0x1234");
  REQUIRE(stop);
  CHECK((stop->kind == Kind::stop && stop->symbol.empty() && stop->from == 0x1234 && stop->to == 0));
  CHECK(parse_address_filter("start 0xffff800080001000")->of_kernel());
  CHECK(parse_address_filter("app:main")->kind == Kind::range);
  const auto all = parse_address_filter("stop app:*");
  REQUIRE_FALSE(all);
  CHECK(all.error().offset == 9);
  for (const char* text : {"start", "start ", "stop app:0x10-0x20", "start main", "begin app:main"})
    CHECK_FALSE(parse_address_filter(text));
}

TEST_CASE("address filters that say nothing are refused at their place") {
  for (const char* text : {"main", "", ":main", "app:", "app:0x10", "app:0x20-0x10", "app:0x10-0x10", "app:0x-0x10",
                           "my app:main", "app:0x10-zz"}) {
    const auto parsed = parse_address_filter(text);
    INFO(text);
    REQUIRE_FALSE(parsed);
    CHECK_FALSE(parsed.error().message.empty());
    CHECK(parsed.error().offset <= std::string_view(text).size());
  }
}
