// SPDX-License-Identifier: MIT
// perf reads our captures without a word on stderr.
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "backends/intel_pt/metadata.hpp"
#include "test/unit/core/capture_fixture.hpp"

using namespace capture_fixture;
using tracectl::Action;

namespace {

struct Ran {
  int status = -1;
  std::string out, err;
};

Ran run(const TempDir& dir, const std::string& command) {
  const int status = std::system((command + " >" + (dir / "out") + " 2>" + (dir / "err") + " </dev/null").c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, slurp(dir / "out"), slurp(dir / "err")};
}

bool have_perf(const TempDir& dir) {
  if (run(dir, "perf version").status == 0) return true;
  WARN("skipped: perf is not installed");
  return false;
}

// A capture as a machine sets it up: leader, sideband, two triggers, two threads.
void write_capture(const std::string& directory, bool finish) {
  cap::WriterSetup s = setup(directory);
  s.events = {tracectl::intel_pt::leader({}, true, kLeaderId), tracectl::capture::sideband_event(kSidebandId),
              tracectl::capture::trigger_event("parse begin", Action::resume, kTriggerId),
              tracectl::capture::trigger_event("parse end", Action::pause, kTriggerId + 1)};
  s.aux_info = tracectl::intel_pt::aux_info();
  auto writer = cap::Writer::create(s);
  REQUIRE(writer);
  std::string more;
  add(more, perf::build_fork, sid(30), kPid, kPid, kTid + 1, kTid);
  add(more, perf::build_exit, sid(40), kPid, kPid, kTid + 1, kTid);
  REQUIRE(writer->records(bytes_of(start_records())));
  REQUIRE(writer->records(bytes_of(aux_record(0, 18))));
  REQUIRE(writer->aux(0, kTid, -1, 0, bytes_of(psb())));
  REQUIRE(writer->aux(1, kTid + 1, -1, 0, bytes_of(psb())));
  REQUIRE(writer->round());
  REQUIRE(writer->records(bytes_of(more)));
  REQUIRE(writer->round());
  if (finish) REQUIRE(writer->finish());
}

}  // namespace

TEST_CASE("perf script reads a capture and says nothing on stderr") {
  TempDir dir;
  if (!have_perf(dir)) return;
  write_capture(dir / "c", true);
  const Ran r = run(dir, "perf script -i " + (dir / "c") + " --itrace=i0ns --show-mmap-events --show-task-events");
  CHECK(r.status == 0);
  CHECK(r.err.empty());
  CHECK(r.out.find("PERF_RECORD_COMM exec: app:1000/1001") != std::string::npos);
  CHECK(r.out.find("<0102030405060708090a0b0c0d0e0f1011121314>") != std::string::npos);
  CHECK(r.out.find("PERF_RECORD_FORK(1000:1002)") != std::string::npos);
  CHECK(r.out.find("PERF_RECORD_EXIT(1000:1002)") != std::string::npos);
}

TEST_CASE("perf script prints a line with name and address for a trigger's hit") {
  TempDir dir;
  if (!have_perf(dir)) return;
  write_capture(dir / "c", true);
  const Ran r = run(dir, "perf script -i " + (dir / "c") + " -F event,ip,tid");
  CHECK(r.err.empty());
  CHECK(r.out.find("parse begin:") != std::string::npos);
  CHECK(r.out.find("401010") != std::string::npos);
}

TEST_CASE("perf script reads a capture that was never finished") {
  TempDir dir;
  if (!have_perf(dir)) return;
  write_capture(dir / "c", false);
  const Ran r = run(dir, "perf script -i " + (dir / "c") + " --itrace=i0ns --show-task-events");
  CHECK(r.status == 0);
  CHECK(r.err.empty());
  CHECK(r.out.find("PERF_RECORD_EXIT(1000:1002)") != std::string::npos);
}

TEST_CASE("perf script -D lists the trace and its records") {
  TempDir dir;
  if (!have_perf(dir)) return;
  write_capture(dir / "c", true);
  const Ran r = run(dir, "perf script -D -i " + (dir / "c"));
  CHECK(r.status == 0);
  for (const char* name :
       {"PERF_RECORD_AUXTRACE_INFO type: 1", "PERF_RECORD_AUXTRACE size: 0x18", "PERF_RECORD_AUX offset: 0 size: 0x12",
        "PERF_RECORD_ITRACE_START", "PERF_RECORD_FINISHED_ROUND", "PSBEND"})
    CHECK(r.out.find(name) != std::string::npos);
}
