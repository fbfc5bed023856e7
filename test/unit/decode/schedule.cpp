// SPDX-License-Identifier: MIT
#include "decode/schedule.hpp"

#include <catch2/catch.hpp>

using namespace tracectl;
using namespace tracectl::decode;

namespace {

using Kind = SwitchRecord::Kind;

SwitchRecord record(Kind kind, uint64_t time, int32_t tid, int32_t cpu = 0) { return {kind, time, cpu, tid, tid, -1, -1}; }

capture::AuxStream cpu_stream(int32_t cpu) {
  capture::AuxStream stream;
  stream.cpu = cpu;
  return stream;
}

std::vector<Turn> turns_of(std::vector<SwitchRecord> records, const ImageSet& images = {}, int32_t cpu = 0) {
  return Schedule::from_records(std::move(records)).of(cpu_stream(cpu), images, 0);
}

}  // namespace

TEST_CASE("a trace that begins in code of the next turn is the next one's") {
  ImageTimeline mine, theirs;
  mine.sections.push_back({0, 0x1000, 0x1000, 0, "a", "a", ""});
  theirs.sections.push_back({0, 0x5000, 0x1000, 0, "b", "b", ""});
  const std::vector<Turn> turns = {{10, 10, 1, 1, &mine}, {20, 20, 2, 2, &theirs}, {30, 30, 1, 1, &mine}};
  CHECK(turn_with_code(turns, 0, 0x1800) == 0);
  CHECK(turn_with_code(turns, 0, 0x5fff) == 1);
  CHECK(turn_with_code(turns, 1, 0x1000) == 2);
  CHECK(turn_with_code(turns, 0, 0x9000) == 0);  // nobody's: as it was
  const std::vector<Turn> apart = {{10, 10, 1, 1, &mine}, {2'000'000'000, 2'000'000'000, 2, 2, &theirs}};
  CHECK(turn_with_code(apart, 0, 0x5000) == 0);  // too long ago to be the same resume
}

TEST_CASE("a thread's turn may begin at the out before its in, and has begun at the in") {
  const auto turns = turns_of({record(Kind::start, 5, 7), record(Kind::out, 10, 7), record(Kind::in, 12, 8),
                               record(Kind::out, 20, 8), record(Kind::in, 30, 7)});
  REQUIRE(turns.size() == 3);
  CHECK(turns[0].time == 0);
  CHECK(turns[0].tid == 7);
  CHECK(turns[1].tid == 8);
  CHECK(turns[1].time == 10);
  CHECK(turns[1].sure == 12);
  CHECK(turns[2].tid == 7);
  CHECK(turns[2].time == 20);
  CHECK(turn_at(turns, 11).tid == 8);
  CHECK(turn_at(turns, 9).tid == 7);
}

TEST_CASE("an out that names who comes needs no in") {
  SwitchRecord out = record(Kind::out, 10, 7);
  out.next_pid = out.next_tid = 8;
  auto turns = turns_of({out});
  REQUIRE(turns.size() == 2);
  CHECK(turns[0].tid == 7);
  CHECK(turns[1].tid == 8);
  CHECK(turns[1].sure == 10);
  turns = turns_of({out, record(Kind::in, 13, 8)});
  REQUIRE(turns.size() == 2);
  CHECK(turns[1].time == 10);
  CHECK(turns[1].sure == 13);
}

TEST_CASE("each cpu has its own turns, and records out of order are sorted") {
  const std::vector<SwitchRecord> records = {record(Kind::in, 20, 9), record(Kind::in, 5, 7), record(Kind::in, 6, 8, 1)};
  CHECK(turns_of(records).size() == 2);
  CHECK(turns_of(records)[1].tid == 9);
  CHECK(turns_of(records, {}, 1)[0].tid == 8);
  const auto unknown = turns_of(records, {}, 2);
  REQUIRE(unknown.size() == 1);
  CHECK(unknown[0].tid == -1);
  CHECK(unknown[0].images != nullptr);
}

TEST_CASE("going on as the same thread is no turn, a dead thread's record neither") {
  CHECK(turns_of({record(Kind::in, 5, 7), record(Kind::out, 6, 7), record(Kind::in, 9, 7), record(Kind::out, 10, -1),
                  record(Kind::in, 11, -1)})
            .size() == 1);
}

TEST_CASE("an exec within a turn begins another program") {
  ImageSet images;
  images.add_section(7, {1, 0x1000, 0x1000, 0, "", "shell", ""});
  images.add_exec(7, 10, "ls");
  images.add_exec(8, 3, "cat");
  const auto turns = turns_of({record(Kind::in, 5, 7), record(Kind::in, 20, 8), record(Kind::in, 30, 7)}, images);
  REQUIRE(turns.size() == 4);
  CHECK(turns[1].time == 10);
  CHECK(turns[1].tid == 7);
  CHECK(turns[1].images == &images.at(7, 10));
  CHECK(turns[0].images != turns[1].images);
  CHECK(turns[3].images == turns[1].images);
}

TEST_CASE("the stream of a thread has the programs from its start on") {
  ImageSet images;
  images.add_exec(7, 10, "sh");
  images.add_exec(7, 20, "ls");
  capture::AuxStream stream;
  stream.pid = stream.tid = 7;
  CHECK(Schedule{}.of(stream, images, 12).size() == 2);
  CHECK(Schedule{}.of(stream, images, 12)[0].images == &images.at(7, 10));
  CHECK(Schedule{}.of(stream, images, 25).size() == 1);
}
