// SPDX-License-Identifier: MIT
// A small capture for tests: two events, one thread, hand-written records and trace bytes.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/capture/writer.hpp"
#include "core/perf/record_build.hpp"

namespace capture_fixture {

namespace cap = tracectl::capture;
namespace perf = tracectl::perf;

class TempDir {
 public:
  TempDir() {
    // In memory where there is such a place: thousands of repairs wait for the disk (fsync).
    path_ = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm/tracectl-test-XXXXXX" : "/tmp/tracectl-test-XXXXXX";
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
inline void spill(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

inline std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// Appends what a builder writes: add(out, perf::build_comm, sid, "app", true).
template <class Build, class... Args>
void add(std::string& out, Build build, const Args&... args) {
  char buffer[8192];
  const size_t size = build(buffer, sizeof buffer, args...);
  REQUIRE(size != 0);
  out.append(buffer, size);
}

inline constexpr uint64_t kLeaderId = 101, kSidebandId = 102, kTriggerId = 103;

inline cap::EventSetup event(uint32_t type, uint64_t config, const std::string& name, uint64_t id, bool sideband = false) {
  perf_event_attr attr{};
  attr.type = type;
  attr.size = perf::kAttrSize;
  attr.config = config;
  attr.sample_period = 1;
  attr.sample_type = perf::kSampleType;
  attr.exclude_kernel = attr.exclude_hv = 1;
  attr.sample_id_all = 1;
  if (sideband) attr.mmap = attr.mmap2 = attr.comm = attr.task = 1;
  cap::EventSetup out;
  std::memcpy(out.attr.data(), &attr, out.attr.size());
  out.name = name;
  out.ids = {id};
  return out;
}

inline cap::WriterSetup setup(const std::string& directory) {
  cap::WriterSetup s;
  s.directory = directory;
  s.events = {event(8, 0x2401, "intel_pt//u", kLeaderId),
              event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY, "dummy:u", kSidebandId, true),
              event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY, "parse", kTriggerId)};
  s.aux_info = {perf::kAuxtraceIntelPt, {8, 0, 1, 0, 1, 1 << 10, 1 << 11, 0, 0, 0, 1 << 9, 0xf << 14, 0, 0, 2, 0, 0, 0}};
  s.command_line = {"tracectl", "run", "--", "app"};
  s.cpuid = "GenuineIntel,6,85,4";
  s.plan_text = "plan = 1\n";
  return s;
}

inline constexpr uint32_t kPid = 1000, kTid = 1001;

inline perf::SampleId sid(uint64_t time, uint64_t id = kSidebandId) { return {kPid, kTid, time, 0, 0, id}; }

// COMM, MMAP2 with a build-id, ITRACE_START, a trigger's sample.
inline std::string start_records() {
  static constexpr unsigned char kBuildId[20] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
  std::string out;
  add(out, perf::build_comm, sid(10), "app", true);
  perf::Mapping map{0x401000, 0x1000, 0x1000, 5, 2, "/nonexistent/app", kBuildId, sizeof kBuildId};
  add(out, perf::build_mmap2, sid(11), map);
  add(out, perf::build_itrace_start, sid(12, kLeaderId));
  add(
      out, [](void* o, size_t c, auto s, uint64_t ip) { return perf::build_sample(o, c, s, ip); }, sid(13, kTriggerId),
      uint64_t{0x401010});
  return out;
}

inline std::string aux_record(uint64_t offset, uint64_t size, uint64_t flags = 0) {
  std::string out;
  add(out, perf::build_aux, sid(20, kLeaderId), offset, size, flags);
  return out;
}

// PSB, PSBEND: 18 bytes that every decoder takes.
inline std::string psb() {
  std::string out;
  for (int i = 0; i < 8; ++i) out += "\x02\x82";
  return out + "\x02\x23";
}

// A whole capture: start_records(), 18 bytes of trace, finished.
inline void write_small(const std::string& directory, bool finish = true) {
  auto writer = cap::Writer::create(setup(directory));
  REQUIRE(writer);
  const std::string trace = psb();
  REQUIRE(writer->records(bytes_of(start_records())));
  REQUIRE(writer->records(bytes_of(aux_record(0, trace.size()))));
  REQUIRE(writer->aux(0, kTid, -1, 0, bytes_of(trace)));
  REQUIRE(writer->round());
  if (finish) REQUIRE(writer->finish());
}

}  // namespace capture_fixture
