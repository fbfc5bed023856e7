// SPDX-License-Identifier: MIT
#include "decode/capture_facts.hpp"

#include <catch2/catch.hpp>

using namespace tracectl;
using namespace tracectl::decode;

TEST_CASE("the facts of a capture are read from capture.json") {
  const auto facts = parse_capture_facts(R"({
    "title": "why?", "backend": "intel_pt", "machine": "emulated", "open_windows": 2,
    "plan": {"start_paused": true, "command": ["./app", "x"],
             "windows": [{"name": "slow", "resume": 0, "pause": 1, "longer_than_ns": 1000}],
             "triggers": [{"name": "a", "on": "breakpoint:app:f", "action": "resume", "event_id": 7},
                          {"name": "b", "action": "pause", "event_ids": [8, 9]}]},
    "loss": {"truncated": 3}, "why_empty": ["one", 2, "two"]})");
  REQUIRE(facts);
  CHECK(facts->title == "why?");
  CHECK(facts->machine == "emulated");
  CHECK(facts->start_paused == true);
  CHECK(facts->command == std::vector<std::string>{"./app", "x"});
  REQUIRE(facts->triggers.size() == 2);
  CHECK(facts->triggers[0].event_ids == std::vector<uint64_t>{7});
  CHECK(facts->triggers[1].action == Action::pause);
  CHECK(facts->triggers[1].event_ids == std::vector<uint64_t>{8, 9});
  REQUIRE(facts->windows.size() == 1);
  CHECK(facts->windows[0].longer_than == 1000);
  CHECK(facts->loss[LossKind::truncated] == 3);
  CHECK(facts->open_windows == 2u);
  CHECK(facts->why_empty == std::vector<std::string>{"one", "two"});
}

TEST_CASE("the periods that a plan asked for are facts") {
  const auto facts = parse_capture_facts(R"({"plan": {"collect": {"every_ns": 1000, "for_ns": 20}}})");
  REQUIRE(facts);
  REQUIRE(facts->collect);
  CHECK(facts->collect->every == 1000);
  CHECK(facts->collect->length == 20);
  CHECK_FALSE(parse_capture_facts("{}")->collect);
}

TEST_CASE("every fact is optional, and wrong types are passed over") {
  REQUIRE(parse_capture_facts("{}"));
  const auto facts = parse_capture_facts(R"({"title": 3, "plan": [], "loss": {"truncated": "x"}, "command": {"a": 1}})");
  REQUIRE(facts);
  CHECK(facts->title.empty());
  CHECK_FALSE(facts->start_paused);
}

TEST_CASE("a capture.json that is no object is an error; a missing one is not") {
  CHECK_FALSE(parse_capture_facts("[1]"));
  CHECK_FALSE(parse_capture_facts("{\"title\": "));
  CHECK(read_capture_facts(""));
  CHECK(read_capture_facts("/nowhere"));
}
