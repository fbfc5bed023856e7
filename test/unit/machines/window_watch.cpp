// SPDX-License-Identifier: MIT
// What moves between cpus do to windows whose events do not move.
#include "machines/kernel/window_watch.hpp"

#include <catch2/catch.hpp>

#include "machines/kernel/cpus.hpp"

using namespace tracectl::kernel;

namespace {

constexpr auto kResume = WindowEvent::Kind::resume;
constexpr auto kPause = WindowEvent::Kind::pause;
constexpr auto kIn = WindowEvent::Kind::switched_in;

WindowWatch watched(bool by_thread, std::initializer_list<WindowEvent> events) {
  WindowWatch w(by_thread, true);
  for (const auto& e : events) w.add(e);
  w.end();
  return w;
}

}  // namespace

TEST_CASE("a window that stays on its cpu is whole") {
  const auto w = watched(true, {{kResume, 10, 7, 0}, {kIn, 15, 7, 0}, {kPause, 20, 7, 0}, {kIn, 30, 7, 1}});
  CHECK(w.windows() == 1);
  CHECK(w.split() == 0);
  CHECK(w.left_running() == 0);
  CHECK(w.open() == 0);
}

TEST_CASE("a window whose thread moves is split once, and its first cpu left running") {
  const auto w = watched(
      true, {{kResume, 10, 7, 0}, {kIn, 20, 7, 1}, {kIn, 25, 7, 1}, {kPause, 30, 7, 1}, {kIn, 40, 7, 0}, {kIn, 50, 7, 0}});
  CHECK(w.windows() == 1);
  CHECK(w.split() == 1);
  CHECK(w.left_running() == 1);
}

TEST_CASE("an inherited event has one state for each thread, a cpu's event one for all") {
  const std::initializer_list<WindowEvent> events = {{kResume, 10, 7, 0}, {kIn, 20, 8, 0}, {kPause, 30, 7, 0}};
  CHECK(watched(true, events).left_running() == 0);
  CHECK(watched(false, events).left_running() == 1);  // thread 8 is traced, and is in no window
}

TEST_CASE("a resume inside of a window is no second one") {
  CHECK(watched(true, {{kResume, 10, 7, 0}, {kResume, 11, 7, 0}, {kPause, 12, 7, 0}, {kPause, 13, 7, 0}}).windows() == 1);
}

TEST_CASE("records of two rings are put in order within two rounds") {
  WindowWatch w(true, true);
  w.add({kPause, 30, 7, 1});  // the other ring's records come in the same round, behind
  w.add({kResume, 10, 7, 0});
  w.end_round();
  w.add({kIn, 20, 7, 1});  // and of this one one comes a round later
  w.end_round();
  w.end_round();
  CHECK(w.windows() == 1);
  CHECK(w.split() == 1);
  CHECK(w.open() == 0);
}

TEST_CASE("lists of cpus") {
  CHECK(cpus_of("0-3,8") == std::vector<int>{0, 1, 2, 3, 8});
  CHECK(cpus_of("0") == std::vector<int>{0});
  CHECK(cpus_of("") == std::vector<int>{0});
}
