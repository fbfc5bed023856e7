// SPDX-License-Identifier: MIT
// [collect]'s clock, by a clock of our own; and the file that tells what it did.
#include "core/periods.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/capture/period_log.hpp"

using namespace tracectl;
using std::chrono::nanoseconds;

namespace {

CollectPlan plan(int64_t every, int64_t length, bool pause_first = false) {
  return {nanoseconds(every), nanoseconds(length), {}, pause_first};
}

struct Change {
  uint64_t at = 0;
  bool on = false;
  friend bool operator==(const Change&, const Change&) = default;
};

// What happens until `end` when every wakeup comes `late` behind its time.
std::vector<Change> changes(Periods& p, uint64_t begin, uint64_t end, uint64_t late = 0) {
  std::vector<Change> out;
  uint64_t now = begin;
  p.begin(now);
  for (bool first = true; now < end; first = false) {
    if (!first) now = p.next() + late;
    if (const auto on = p.due(now))
      out.push_back({now, *on});
    else if (p.next() <= now)
      break;  // nothing to wait for: it would spin
  }
  return out;
}

}  // namespace

TEST_CASE("each cell of the grid begins with a period") {
  Periods p(plan(100, 30));
  CHECK(changes(p, 1000, 1200) ==
        std::vector<Change>{{1000, true}, {1030, false}, {1100, true}, {1130, false}, {1200, true}});
}

TEST_CASE("start = paused puts the pause first") {
  Periods p(plan(100, 30, true));
  CHECK(changes(p, 1000, 1200) == std::vector<Change>{{1070, true}, {1100, false}, {1170, true}, {1200, false}});
}

TEST_CASE("who asks too early changes nothing") {
  Periods p(plan(100, 30));
  p.begin(1000);
  CHECK(p.due(1000) == true);
  CHECK(p.due(1029) == std::nullopt);
  CHECK(p.next() == 1030);
  CHECK(p.on());
}

TEST_CASE("a late wakeup moves a period and never makes it shorter, and the grid stays") {
  Periods p(plan(100, 30));
  const auto got = changes(p, 1000, 2000, 20);
  REQUIRE(got.size() > 10);
  for (size_t i = 0; i + 1 < got.size(); i += 2) {
    CHECK(got[i].on);
    CHECK_FALSE(got[i + 1].on);
    CHECK(got[i + 1].at - got[i].at >= 30);
    CHECK((got[i].at - 1000) % 100 <= 20);  // it does not drift
  }
}

TEST_CASE("a period whose begin takes long is as long as the others") {
  Periods p(plan(100, 30));
  p.begin(1000);
  CHECK(p.due(1000) == true);
  p.begun(1025);
  CHECK(p.next() == 1055);
  CHECK(p.due(1055) == false);
  CHECK(p.next() == 1100);
}

TEST_CASE("a cell that was slept through is left out") {
  Periods p(plan(100, 30));
  p.begin(1000);
  CHECK(p.due(1000) == true);
  CHECK(p.due(1350) == false);  // the period's end came late
  CHECK(p.next() == 1400);      // 1100, 1200 and 1300 have passed
  CHECK(p.due(1450) == true);
  CHECK(p.next() == 1480);
}

TEST_CASE("a period that ends on a line of the grid is followed by the next one") {
  Periods p(plan(100, 30));
  p.begin(1000);
  CHECK(p.due(1000) == true);
  CHECK(p.due(1100) == false);
  CHECK(p.next() == 1100);
}

TEST_CASE("times of hours do not overflow") {
  Periods p(plan(int64_t{86'400'000'000'000}, 1'000'000));
  p.begin(uint64_t{1} << 62);
  CHECK(p.due(uint64_t{1} << 62) == true);
  CHECK(p.due((uint64_t{1} << 62) + 1'000'000) == false);
  CHECK(p.next() == (uint64_t{1} << 62) + 86'400'000'000'000u);
}

TEST_CASE("the file of periods is read as it was written, but for a line that is cut") {
  const auto dir = std::filesystem::temp_directory_path() / ("tracectl-periods-" + std::to_string(getpid()));
  std::filesystem::create_directory(dir);
  {
    capture::PeriodLog log;
    REQUIRE(log.open(dir));
    REQUIRE(log.add({10, 20, 21, 4096}));
    REQUIRE(log.add({30, 40, 0, 8192}));
  }
  auto read = capture::read_periods(dir);
  REQUIRE(read.size() == 2);
  CHECK(read[0].begin == 10);
  CHECK(read[0].end == 20);
  CHECK(read[0].quiet == 21);
  CHECK(read[1].quiet == 0);
  CHECK(read[1].bytes == 8192);
  std::ofstream(dir / capture::kPeriodsName, std::ios::app) << "50 60 61 92";  // its newline never came
  CHECK(capture::read_periods(dir).size() == 2);
  std::filesystem::remove_all(dir);
  CHECK(capture::read_periods(dir).empty());
}
