// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "core/diagnostics.hpp"
#include "core/units.hpp"

using namespace tracectl;
using namespace std::chrono_literals;

TEST_CASE("sizes parse exactly") {
  CHECK(*parse_size("4MiB") == 4u << 20);
  CHECK(*parse_size("64KiB") == 65536);
  CHECK(*parse_size("0.5KiB") == 512);
  CHECK(*parse_size("0B") == 0);
}

TEST_CASE("durations parse exactly") {
  CHECK(*parse_duration("1.5ms") == 1500us);
  CHECK(*parse_duration("10s") == 10s);
  CHECK(*parse_duration("2min") == 120s);
  CHECK(*parse_duration("0.000000001s") == 1ns);
}

TEST_CASE("values print canonically and parse back") {
  for (uint64_t bytes : {0ull, 1ull, 512ull, 1536ull, 4096ull, 4ull << 20, (4ull << 20) + 1, 3ull << 30}) {
    INFO(print_size(bytes));
    CHECK(*parse_size(print_size(bytes)) == bytes);
  }
  for (auto value : {0ns, 1ns, 1500ns, 1500000ns, 90000000000ns, 1234567ns})
    CHECK(*parse_duration(print_duration(value)) == value);
  CHECK(print_size(4u << 20) == "4MiB");
  CHECK(print_duration(1500us) == "1.5ms");
  CHECK(print_duration(10s) == "10s");
}

TEST_CASE("a bad size says what is wrong and gives a legal form") {
  CHECK(parse_size("4M").error().what == "size \"4M\": unknown unit \"M\"");
  CHECK(parse_size("4M").error().hint == "units are B, KiB, MiB, GiB; did you mean \"4MiB\"?");
  CHECK(parse_size("512").error().what == "size \"512\" has no unit");
  CHECK(parse_size("").error().what == "size \"\" does not begin with a number");
  CHECK(parse_size("1.2.3KiB").error().what == "size \"1.2.3KiB\" is not a number and a unit");
  CHECK(parse_size("0.3B").error().what == "size \"0.3B\" is not a whole number of B");
  CHECK(parse_size("99999999999GiB").error().what == "size \"99999999999GiB\" is too large");
  CHECK(parse_duration("-1s").error().what == "duration \"-1s\" is negative");
}

TEST_CASE("diagnostics print sorted, with line, caret and hint") {
  const auto source = std::make_shared<const SourceText>(SourceText{"p.toml", "one\n\ttwo = 2\n"});
  Diagnostics d;
  d.error({source, 2, 2, 3}, "second", "mend it");
  d.warning({source, 1, 1, 1}, "first");
  CHECK(d.text() ==
        "p.toml:1:1: warning: first\n    one\n    ^\n"
        "p.toml:2:2: error: second\n    \ttwo = 2\n    \t^~~\nhint: mend it\n");
  CHECK(d.exit_code() == 2);
}

TEST_CASE("only unsupported errors give exit code 3") {
  Diagnostics d;
  d.unsupported({}, "cannot");
  CHECK(d.exit_code() == 3);
  d.error({}, "wrong");
  CHECK(d.exit_code() == 2);
}

TEST_CASE("the nearest word is near or nothing") {
  CHECK(nearest("sise", {"size", "data"}) == "size");
  CHECK(nearest("zzzzzzzz", {"size", "data"}).empty());
}
