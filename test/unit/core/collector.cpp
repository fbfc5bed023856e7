// SPDX-License-Identifier: MIT
// [collect] in a real session, with a machine that only writes down what it is told.
#include "core/collector.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "capture_fixture.hpp"

using namespace tracectl;
using capture_fixture::TempDir;

namespace {

using std::chrono::milliseconds;

// Each period of trace is `step` bytes. `deaf`: no thread ever says that it has paused.
struct Fixture {
  TempDir dir;
  ResolvedPlan plan;
  std::optional<capture::Writer> writer;
  std::optional<Session> session;
  std::optional<Collector> collector;
  std::vector<bool> told;
  uint64_t now = 1000, step = 64;
  bool deaf = false;
  size_t refuse = 0;  // the turn that fails, from 1

  explicit Fixture(std::optional<uint64_t> max_bytes, bool pause_first = false) {
    plan.collect = {milliseconds(3), milliseconds(1), max_bytes, pause_first};
    plan.limits.duration = std::chrono::seconds(60);  // a test that hangs ends
    auto made = capture::Writer::create(capture_fixture::setup(directory()));
    REQUIRE(made);
    writer.emplace(std::move(*made));
    session.emplace(*writer, plan.limits);
    collector.emplace(plan, *writer, *session);
  }
  [[nodiscard]] std::string directory() const { return dir / "c"; }

  Result<> turn(bool on) {
    told.push_back(on);
    if (told.size() == refuse) return fail("it cannot");
    const std::string bytes(step, 'x');
    return on ? Result<>{} : writer->aux(0, 7, -1, writer->aux_bytes(), capture_fixture::bytes_of(bytes));
  }

  Result<> run() {
    const auto prepared =
        collector->prepare({[this](bool on) { return turn(on); }, [this] { return !deaf; }, [this] { return ++now; }});
    REQUIRE(prepared);
    session->after_drain([this] { collector->tick(); });
    collector->begin();
    auto result = session->run();
    collector->end();
    return result ? collector->failed() : result;
  }
};

}  // namespace

TEST_CASE("the session ends behind the period that reached max_bytes") {
  Fixture f(200);
  REQUIRE(f.run());
  CHECK(f.session->stop_reason() == "limit: max_bytes");
  // The first period runs already; 64, 128, 192, 256 bytes.
  CHECK(f.told == std::vector<bool>{false, true, false, true, false, true, false});
  const auto periods = capture::read_periods(f.directory());
  REQUIRE(periods.size() == 4);
  CHECK(periods.back().bytes == 256);
  for (size_t i = 0; i < periods.size(); ++i) {
    CHECK(periods[i].begin < periods[i].end);
    CHECK(periods[i].end < periods[i].quiet);
    CHECK((i == 0 || periods[i - 1].quiet < periods[i].begin));
  }
}

TEST_CASE("where the pause comes first, it begins before anything is traced") {
  Fixture f(64, true);
  REQUIRE(f.run());
  CHECK(f.told == std::vector<bool>{false, true, false});
  // The fixture writes at each pause, so at the first one too.
  CHECK(capture::read_periods(f.directory()).size() == 1);
}

TEST_CASE("threads that sleep through a pause end its period at the next one") {
  Fixture f(150);
  f.deaf = true;
  REQUIRE(f.run());
  const auto periods = capture::read_periods(f.directory());
  REQUIRE(periods.size() == 3);
  for (const auto& p : periods) CHECK(p.quiet == 0);
}

TEST_CASE("a machine that refuses ends the session with its reason") {
  Fixture f(100000);
  f.refuse = 2;
  const auto done = f.run();
  REQUIRE_FALSE(done);
  CHECK(done.error().what == "it cannot");
  CHECK(f.told.size() == 2);
}

TEST_CASE("a plan without [collect] is told nothing") {
  Fixture f({});
  f.plan.collect.reset();
  f.plan.limits.duration = milliseconds(5);
  f.session.emplace(*f.writer, f.plan.limits);
  f.collector.emplace(f.plan, *f.writer, *f.session);
  REQUIRE(f.run());
  CHECK(f.told.empty());
  CHECK_FALSE(std::filesystem::exists(f.directory() + "/periods"));
}
