// SPDX-License-Identifier: MIT
#include "decode/window.hpp"

#include <catch2/catch.hpp>

using namespace tracectl::decode;

namespace {

Hit resume(uint64_t time, int32_t tid = 1, int name = 0) { return {Hit::Kind::resume, time, 1, tid, -1, name}; }
Hit pause(uint64_t time, int32_t tid = 1) { return {Hit::Kind::pause, time, 1, tid, -1, 0}; }
Hit start(uint64_t time, int32_t tid = 1) { return {Hit::Kind::start, time, 1, tid, -1, 0}; }

WindowSet paused(std::vector<Hit> hits) { return WindowSet::from_hits(std::move(hits), {"w", "v"}, true); }

}  // namespace

TEST_CASE("a resume and a pause make one window") {
  const WindowSet set = paused({start(5), resume(10), pause(30)});
  REQUIRE(set.all().size() == 1);
  const Window& w = set.all()[0];
  CHECK((w.begin == 10 && w.end == 30 && !w.open && w.number == 1));
}

TEST_CASE("a resume that finds the thread running opens no window, a pause that finds it paused closes none") {
  const WindowSet set = paused({pause(1), resume(10), resume(12), pause(30), pause(31), resume(40), pause(41)});
  REQUIRE(set.all().size() == 2);
  CHECK((set.all()[0].begin == 10 && set.all()[0].end == 30));
  CHECK((set.all()[1].begin == 40 && set.all()[1].end == 41));
}

TEST_CASE("a window without a pause stays open") {
  const WindowSet set = paused({resume(10), pause(20), resume(30), resume(50)});
  REQUIRE(set.all().size() == 2);
  CHECK(set.open_count() == 1);
  CHECK((set.all()[1].open && set.all()[1].end == 50));
  CHECK(set.at(1, -1, 1000) == &set.all()[1]);
}

TEST_CASE("a trace that starts running has its first window behind the first pause") {
  const WindowSet set = WindowSet::from_hits({resume(5), pause(10), resume(20), pause(30)}, {"w"}, false);
  REQUIRE(set.all().size() == 1);
  CHECK(set.all()[0].begin == 20);
}

TEST_CASE("threads have windows of their own, numbered by time") {
  const WindowSet set = paused({resume(10, 1), resume(15, 2, 1), pause(20, 2), pause(30, 1)});
  REQUIRE(set.all().size() == 2);
  CHECK((set.all()[0].tid == 1 && set.all()[0].end == 30));
  CHECK((set.all()[1].tid == 2 && set.all()[1].end == 20 && set.all()[1].name == 1));
  CHECK(set.at(2, -1, 12) == nullptr);
  CHECK(set.at(3, -1, 12) == nullptr);
}

TEST_CASE("hits of several rings come in any order") {
  const WindowSet set = paused({pause(30), resume(10)});
  REQUIRE(set.all().size() == 1);
  CHECK_FALSE(set.all()[0].open);
}

TEST_CASE("a time belongs to a window behind its resume, up to its pause") {
  const WindowSet set = paused({resume(10), pause(20), resume(30), pause(40)});
  CHECK(set.at(1, -1, 10) == nullptr);
  CHECK(set.at(1, -1, 11)->number == 1);
  CHECK(set.at(1, -1, 20)->number == 1);
  CHECK(set.at(1, -1, 25) == nullptr);
  CHECK(set.at(1, -1, 31)->number == 2);
  CHECK(set.at(1, -1, 41) == nullptr);
}

TEST_CASE("a new program of a thread starts paused again and leaves its window open") {
  const WindowSet set = paused({start(1), resume(10), start(20), resume(30), pause(40)});
  REQUIRE(set.all().size() == 2);
  CHECK((set.all()[0].open && set.all()[0].end == 20));
  CHECK_FALSE(set.all()[1].open);
}
