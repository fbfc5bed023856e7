// SPDX-License-Identifier: MIT
// Builders and parsers of records against each other and against the kernel's layout.
#include "core/perf/records.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

#include "core/perf/record_build.hpp"

using namespace tracectl::perf;

namespace {

struct Built {
  alignas(8) char bytes[8192];
  size_t size = 0;
  [[nodiscard]] perf_event_header header() const {
    perf_event_header h;
    std::memcpy(&h, bytes, sizeof h);
    return h;
  }
  [[nodiscard]] std::span<const std::byte> body() const { return std::as_bytes(std::span(bytes, size)).subspan(8); }
};

constexpr SampleId kSid{7, 8, 99, 3, 0, 55};

}  // namespace

TEST_CASE("a COMM record says who runs what, and whether an exec did it") {
  Built b;
  b.size = build_comm(b.bytes, sizeof b.bytes, kSid, "worker", true);
  CHECK(b.header().type == PERF_RECORD_COMM);
  CHECK(b.header().size == 8 + 8 + 8 + 32);
  const auto comm = parse_comm(b.header().misc, b.body());
  REQUIRE(comm);
  CHECK(comm->pid == 7);
  CHECK(comm->tid == 8);
  CHECK(comm->exec);
  CHECK(comm->comm == "worker");
}

TEST_CASE("text that fills its 8 bytes still ends with NUL") {
  Built b;
  b.size = build_comm(b.bytes, sizeof b.bytes, kSid, "12345678", false);
  CHECK(b.size == 8 + 8 + 16 + 32);
  CHECK(parse_comm(b.header().misc, b.body())->comm == "12345678");
}

TEST_CASE("the trailer of a record gives its thread, time, cpu and event") {
  Built b;
  b.size = build_itrace_start(b.bytes, sizeof b.bytes, kSid);
  SampleFields f;
  REQUIRE(parse_sample_id(b.body(), kSampleType, f));
  CHECK(f.pid == 7);
  CHECK(f.tid == 8);
  CHECK(f.time == 99);
  CHECK(f.cpu == 3);
  CHECK(f.id == 55);
}

TEST_CASE("a sample gives its event first and its address") {
  Built b;
  b.size = build_sample(b.bytes, sizeof b.bytes, kSid, 0x401136);
  CHECK(b.header().type == PERF_RECORD_SAMPLE);
  CHECK(b.size == 8 + 40);
  uint64_t first;
  std::memcpy(&first, b.body().data(), 8);
  CHECK(first == 55);
  SampleFields f;
  REQUIRE(parse_sample(b.body(), kSampleType, f));
  CHECK(f.ip == 0x401136);
  CHECK(f.tid == 8);
  CHECK(f.time == 99);
  CHECK(f.cpu == 3);
}

TEST_CASE("an MMAP2 record carries a build-id") {
  Built b;
  unsigned char id[20];
  for (size_t i = 0; i < sizeof id; ++i) id[i] = static_cast<unsigned char>(i + 1);
  b.size = build_mmap2(b.bytes, sizeof b.bytes, kSid, {0x1000, 0x2000, 0x3000, 5, 2, "/bin/x", id, 20});
  CHECK((b.header().misc & kMiscMmapBuildId) != 0);
  const auto m = parse_mmap(PERF_RECORD_MMAP2, b.header().misc, b.body());
  REQUIRE(m);
  CHECK(m->address == 0x1000);
  CHECK(m->length == 0x2000);
  CHECK(m->file_offset == 0x3000);
  CHECK(m->prot == 5);
  CHECK(m->flags == 2);
  CHECK(m->name == "/bin/x");
  REQUIRE(m->build_id.size() == 20);
  CHECK(std::memcmp(m->build_id.data(), id, 20) == 0);
}

TEST_CASE("an MMAP2 record without a build-id has none") {
  Built b;
  b.size = build_mmap2(b.bytes, sizeof b.bytes, kSid, {1, 2, 3, 5, 2, "//anon", nullptr, 0});
  const auto m = parse_mmap(PERF_RECORD_MMAP2, b.header().misc, b.body());
  REQUIRE(m);
  CHECK(m->build_id.empty());
  CHECK(m->name == "//anon");
}

TEST_CASE("FORK and EXIT name child and parent") {
  Built b;
  b.size = build_fork(b.bytes, sizeof b.bytes, kSid, 20, 7, 21, 8);
  CHECK(b.header().type == PERF_RECORD_FORK);
  const auto t = parse_task(b.body());
  REQUIRE(t);
  CHECK(t->pid == 20);
  CHECK(t->ppid == 7);
  CHECK(t->tid == 21);
  CHECK(t->ptid == 8);
  CHECK(t->time == 99);
  b.size = build_exit(b.bytes, sizeof b.bytes, kSid, 20, 7, 21, 8);
  CHECK(b.header().type == PERF_RECORD_EXIT);
}

TEST_CASE("an AUX record says where the trace is and what it lacks") {
  Built b;
  b.size = build_aux(b.bytes, sizeof b.bytes, kSid, 4096, 100, kAuxFlagTruncated);
  const auto a = parse_aux(b.body());
  REQUIRE(a);
  CHECK(a->offset == 4096);
  CHECK(a->size == 100);
  CHECK(a->flags == kAuxFlagTruncated);
}

TEST_CASE("a LOST record counts") {
  Built b;
  b.size = build_lost(b.bytes, sizeof b.bytes, kSid, 12);
  CHECK(parse_lost(PERF_RECORD_LOST, b.body()) == 12u);
}

TEST_CASE("a builder that lacks room writes nothing and says so") {
  char small[40];
  CHECK(build_aux(small, sizeof small, kSid, 0, 0, 0) == 0);
  CHECK(build_comm(small, 4, kSid, "x", false) == 0);
}

TEST_CASE("a record never outgrows the 16 bits of its size") {
  static char big[100000];
  const std::string name(70000, 'n');
  CHECK(build_comm(big, sizeof big, kSid, name.c_str(), false) == 0);
}

TEST_CASE("bodies that are too short are refused") {
  const std::byte few[6]{};
  SampleFields f;
  CHECK_FALSE(parse_sample_id(few, kSampleType, f));
  CHECK_FALSE(parse_sample(few, kSampleType, f));
  CHECK_FALSE(parse_mmap(PERF_RECORD_MMAP2, kMiscMmapBuildId, few));
  CHECK_FALSE(parse_comm(0, few));
  CHECK_FALSE(parse_task(few));
  CHECK_FALSE(parse_aux(few));
  CHECK_FALSE(parse_itrace_start(few));
  CHECK_FALSE(parse_lost(PERF_RECORD_LOST, few));
}

TEST_CASE("aux_action lies at byte 116 of an attr") {
  perf_event_attr attr{};
  set_aux_action(attr, kAuxResume);
  CHECK(reinterpret_cast<const char*>(&attr)[116] == 4);
  CHECK(aux_action(attr) == kAuxResume);
}
