// SPDX-License-Identifier: MIT
// Writer and Reader against each other.
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <map>

#include "capture_fixture.hpp"
#include "core/capture/data_file.hpp"
#include "core/capture/directory.hpp"
#include "core/capture/format.hpp"
#include "core/capture/reader.hpp"

using namespace capture_fixture;
using tracectl::LossKind;

namespace {

cap::Reader open(const std::string& path) {
  auto reader = cap::Reader::open(path);
  INFO((reader ? "" : reader.error().message()));
  REQUIRE(reader);
  return std::move(*reader);
}

std::map<uint32_t, int> types_of(const cap::Reader& reader) {
  std::map<uint32_t, int> out;
  reader.for_each_record([&](const cap::Record& r) { return ++out[r.type], true; });
  return out;
}

std::string text_of(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

}  // namespace

TEST_CASE("a capture gives back its events, by name and id") {
  TempDir dir;
  write_small(dir / "c");
  const auto reader = open(dir / "c");
  REQUIRE(reader.events().size() == 3);
  CHECK(reader.events()[0].type == 8);
  CHECK(reader.events()[0].name == "intel_pt//u");
  CHECK(reader.events()[2].name == "parse");
  CHECK(reader.events()[2].ids == std::vector<uint64_t>{kTriggerId});
  CHECK(reader.events()[1].sample_id_all);
}

TEST_CASE("ids that come while a capture is written name its events, within the room and beyond it") {
  TempDir dir;
  auto with_room = setup(dir / "c");
  with_room.room_for_ids = 4;
  auto writer = cap::Writer::create(with_room);
  REQUIRE(writer);
  for (uint64_t id = 100; id < 103; ++id) REQUIRE(writer->add_id(2, id));
  for (uint64_t id = 200; id < 210; ++id) REQUIRE(writer->add_id(1, id));
  // Not finished: what fits into the room is there.
  auto early = open(dir / "c");
  CHECK(early.events()[2].ids == std::vector<uint64_t>{kTriggerId, 100, 101, 102});
  CHECK(early.events()[1].ids.size() == 4);
  REQUIRE(writer->finish());
  const auto reader = open(dir / "c");
  CHECK(reader.events()[2].ids == std::vector<uint64_t>{kTriggerId, 100, 101, 102});
  REQUIRE(reader.events()[1].ids.size() == 11);
  CHECK(reader.events()[1].ids.back() == 209);
  CHECK(reader.events()[0].ids.size() == 1);
}

TEST_CASE("a capture gives back its AUXTRACE_INFO") {
  TempDir dir;
  write_small(dir / "c");
  const auto reader = open(dir / "c");
  CHECK(reader.aux_info().type == 1);
  CHECK(reader.aux_info().priv == setup("").aux_info.priv);
}

TEST_CASE("a capture gives back its records with their event, time and thread") {
  TempDir dir;
  write_small(dir / "c");
  const auto reader = open(dir / "c");
  std::vector<cap::Record> kernel;
  reader.for_each_record([&](const cap::Record& r) {
    if (r.type < 64) kernel.push_back(r);
    return true;
  });
  REQUIRE(kernel.size() == 5);
  CHECK(kernel[0].type == PERF_RECORD_COMM);
  CHECK(kernel[0].event == 1);
  CHECK(kernel[0].time == 10);
  CHECK(kernel[3].type == PERF_RECORD_SAMPLE);
  CHECK(kernel[3].event == 2);
  CHECK(kernel[3].ip == 0x401010);
  CHECK(kernel[3].tid == static_cast<int32_t>(kTid));
  CHECK(kernel[4].type == PERF_RECORD_AUX);
  CHECK(kernel[4].event == 0);
}

TEST_CASE("a walk stops when it is told to") {
  TempDir dir;
  write_small(dir / "c");
  int seen = 0;
  open(dir / "c").for_each_record([&](const cap::Record&) { return ++seen < 2; });
  CHECK(seen == 2);
}

TEST_CASE("a capture gives back its trace bytes by stream") {
  TempDir dir;
  auto writer = cap::Writer::create(setup(dir / "c"));
  REQUIRE(writer);
  REQUIRE(writer->records(bytes_of(start_records())));
  REQUIRE(writer->aux(0, kTid, -1, 0, bytes_of("abc"), bytes_of("de")));  // padded by 3
  REQUIRE(writer->aux(1, 77, -1, 0, bytes_of("12345678")));
  REQUIRE(writer->aux(0, kTid, -1, 5, bytes_of("fghijklm")));
  REQUIRE(writer->finish());
  CHECK(writer->aux_bytes() == 21);
  const auto reader = open(dir / "c");
  REQUIRE(reader.streams().size() == 2);
  const auto& stream = reader.streams()[0];
  CHECK(stream.tid == static_cast<int32_t>(kTid));
  CHECK(stream.pid == static_cast<int32_t>(kPid));
  CHECK(stream.cpu == -1);
  CHECK(stream.gaps == 0);
  REQUIRE(stream.fragments.size() == 2);
  CHECK(text_of(reader.bytes(stream.fragments[0])) == "abcde");  // the padding is no trace
  CHECK(text_of(reader.bytes(stream.fragments[1])) == "fghijklm");
  CHECK(stream.size == 13);
  CHECK(reader.streams()[1].pid == -1);
}

TEST_CASE("bytes missing between fragments are a gap") {
  TempDir dir;
  auto writer = cap::Writer::create(setup(dir / "c"));
  REQUIRE(writer);
  REQUIRE(writer->aux(0, kTid, -1, 0, bytes_of("12345678")));
  REQUIRE(writer->aux(0, kTid, -1, 100, bytes_of("12345678")));
  REQUIRE(writer->finish());
  CHECK(open(dir / "c").streams()[0].gaps == 92);
}

TEST_CASE("facts of the machine and the plan lie beside the trace") {
  TempDir dir;
  write_small(dir / "c");
  const auto reader = open(dir / "c");
  CHECK(reader.feature_string(cap::kCpuId) == "GenuineIntel,6,85,4");
  CHECK(reader.feature_string(cap::kCmdline) == "tracectl run -- app");
  CHECK_FALSE(reader.feature_string(cap::kArch).empty());
  CHECK(reader.feature_string(cap::kTracingData).empty());
  CHECK(reader.feature_string(100000).empty());
  CHECK(slurp(dir / "c/plan.toml") == "plan = 1\n");
  CHECK(std::filesystem::is_directory(dir / "c/images"));
}

TEST_CASE("loss that passes through the writer is counted as the reader counts it") {
  TempDir dir;
  auto writer = cap::Writer::create(setup(dir / "c"));
  REQUIRE(writer);
  std::string lost;
  add(lost, perf::build_lost, sid(1), uint64_t{7});
  REQUIRE(writer->records(bytes_of(aux_record(0, 8, perf::kAuxFlagTruncated | perf::kAuxFlagPartial)), bytes_of(lost)));
  REQUIRE(writer->finish());
  CHECK(writer->loss()[LossKind::truncated] == 1);
  CHECK(writer->loss()[LossKind::partial] == 1);
  CHECK(writer->loss()[LossKind::lost_records] == 7);
  CHECK(open(dir / "c").loss().count == writer->loss().count);
}

TEST_CASE("loss in a record that lies across the wrap is counted at every cut") {
  TempDir dir;
  auto writer = cap::Writer::create(setup(dir / "c"));
  REQUIRE(writer);
  const std::string record = aux_record(0, 8, perf::kAuxFlagCollision);
  for (size_t cut = 0; cut <= record.size(); ++cut)
    REQUIRE(writer->records(bytes_of(record.substr(0, cut)), bytes_of(record.substr(cut))));
  CHECK(writer->loss()[LossKind::collision] == record.size() + 1);
}

TEST_CASE("a broken record is refused and not written") {
  TempDir dir;
  auto writer = cap::Writer::create(setup(dir / "c"));
  REQUIRE(writer);
  const uint64_t before = writer->bytes();
  CHECK_FALSE(writer->records(bytes_of(start_records().substr(0, 20))));
  CHECK_FALSE(writer->records(bytes_of(std::string(8, '\0'))));
  CHECK(writer->bytes() == before);
}

TEST_CASE("a capture that was never finished reads as a finished one, and says that it was cut") {
  TempDir dir;
  write_small(dir / "whole");
  write_small(dir / "crashed", false);
  const auto whole = open(dir / "whole"), crashed = open(dir / "crashed");
  CHECK(types_of(crashed) == types_of(whole));
  CHECK(whole.finished());
  CHECK_FALSE(crashed.finished());
  CHECK(whole.loss()[LossKind::cut_file] == 0);
  CHECK(crashed.loss()[LossKind::cut_file] == 1);
  CHECK(crashed.aux_bytes() == whole.aux_bytes());
}

TEST_CASE("records behind the last round are read too") {
  TempDir dir;
  auto writer = cap::Writer::create(setup(dir / "c"));
  REQUIRE(writer);
  REQUIRE(writer->round());
  REQUIRE(writer->records(bytes_of(start_records())));
  const auto reader = open(dir / "c");
  CHECK(types_of(reader)[PERF_RECORD_COMM] == 1);
}

TEST_CASE("a capture cut at any byte gives whole records and counts the cut") {
  TempDir dir;
  write_small(dir / "c", false);
  const std::string all = slurp(dir / "c/data");
  const auto whole = open(dir / "c");
  uint64_t begin = 0;
  std::map<uint64_t, bool> ends;
  whole.for_each_record([&](const cap::Record& r) {
    if (begin == 0) begin = r.file_offset;
    ends[r.file_offset] = true;
    return true;
  });
  ends[all.size()] = true;
  for (size_t size = begin; size < all.size(); ++size) {
    spill(dir / "cut", all.substr(0, size));
    const auto reader = open(dir / "cut");
    INFO("cut at " << size);
    CHECK(reader.directory().empty());
    CHECK(reader.loss()[LossKind::cut_file] == 1);
    uint64_t last = 0;
    reader.for_each_record([&](const cap::Record& r) { return last = r.file_offset, true; });
    CHECK(last < size);
  }
}

TEST_CASE("an unknown record type is counted once and skipped") {
  TempDir dir;
  auto writer = cap::Writer::create(setup(dir / "c"));
  REQUIRE(writer);
  std::string odd(8, '\0');
  const perf_event_header header{500, 0, 8};
  std::memcpy(odd.data(), &header, 8);
  REQUIRE(writer->records(bytes_of(odd + odd)));
  REQUIRE(writer->records(bytes_of(start_records())));
  const auto reader = open(dir / "c");
  CHECK(reader.loss()[LossKind::unknown_records] == 1);
  CHECK(types_of(reader)[PERF_RECORD_COMM] == 1);
}

TEST_CASE("a misaligned record ends the walk and is counted") {
  TempDir dir;
  write_small(dir / "c", false);
  std::string all = slurp(dir / "c/data");
  std::string odd(12, '\0');
  const perf_event_header header{PERF_RECORD_COMM, 0, 12};
  std::memcpy(odd.data(), &header, 8);
  spill(dir / "odd", all + odd);
  const auto reader = open(dir / "odd");
  CHECK(reader.loss()[LossKind::cut_file] == 1);
  CHECK(types_of(reader)[PERF_RECORD_COMM] == 1);
}

TEST_CASE("what is no perf.data is refused in words") {
  TempDir dir;
  CHECK_FALSE(cap::Reader::open(dir / "absent"));
  spill(dir / "empty", "");
  CHECK_FALSE(cap::Reader::open(dir / "empty"));
  spill(dir / "text", std::string(500, 'x'));
  const auto text = cap::Reader::open(dir / "text");
  REQUIRE_FALSE(text);
  CHECK(text.error().what.find("no perf.data") != std::string::npos);
  spill(dir / "pipe", std::string("PERFILE2\x10\0\0\0\0\0\0\0", 16) + std::string(100, '\0'));
  const auto pipe = cap::Reader::open(dir / "pipe");
  REQUIRE_FALSE(pipe);
  CHECK(pipe.error().kind == tracectl::ErrorKind::unsupported);
  CHECK_FALSE(cap::Reader::open(dir / ""));
}

TEST_CASE("an older capture moves aside, and the one before it goes") {
  TempDir dir;
  for (const char* name : {"one", "two", "three"}) {
    auto s = setup(dir / "c");
    s.plan_text = name;
    REQUIRE(cap::Writer::create(s));
  }
  CHECK(slurp(dir / "c/plan.toml") == "three");
  CHECK(slurp(dir / "c.old/plan.toml") == "two");
  CHECK_FALSE(std::filesystem::exists(dir / "c.old.old"));
}

TEST_CASE("a directory that is no capture is left alone") {
  TempDir dir;
  std::filesystem::create_directory(dir / "c");
  spill(dir / "c/precious", "x");
  const auto writer = cap::Writer::create(setup(dir / "c"));
  REQUIRE_FALSE(writer);
  CHECK_FALSE(writer.error().hint.empty());
  CHECK(slurp(dir / "c/precious") == "x");
}

TEST_CASE("an .old that is no capture is never removed") {
  TempDir dir;
  write_small(dir / "c");
  std::filesystem::create_directory(dir / "c.old");
  spill(dir / "c.old/data", "not a capture");
  CHECK_FALSE(cap::Writer::create(setup(dir / "c")));
  CHECK(slurp(dir / "c.old/data") == "not a capture");
  CHECK(cap::is_capture(dir / "c"));
}

TEST_CASE("a plain file in the way is left alone") {
  TempDir dir;
  spill(dir / "c", "PERFILE2");
  CHECK_FALSE(cap::Writer::create(setup(dir / "c")));
  CHECK(slurp(dir / "c") == "PERFILE2");
}

TEST_CASE("an empty directory is taken as it is") {
  TempDir dir;
  std::filesystem::create_directory(dir / "c");
  CHECK(cap::Writer::create(setup((dir / "c") + "/")));
  CHECK_FALSE(std::filesystem::exists(dir / "c.old"));
}

TEST_CASE("a side file is replaced as a whole") {
  TempDir dir;
  auto writer = cap::Writer::create(setup(dir / "c"));
  REQUIRE(writer);
  REQUIRE(writer->side_file("capture.json", "a longer text"));
  REQUIRE(writer->side_file("capture.json", "short"));
  CHECK(slurp(dir / "c/capture.json") == "short");
  CHECK_FALSE(std::filesystem::exists(dir / "c/capture.json.new"));
}

TEST_CASE("an idle session does not make the file grow") {
  TempDir dir;
  auto writer = cap::Writer::create(setup(dir / "c"));
  REQUIRE(writer);
  REQUIRE(writer->records(bytes_of(start_records())));
  REQUIRE(writer->round());
  const uint64_t size = writer->bytes();
  for (int i = 0; i < 10; ++i) REQUIRE(writer->round());
  CHECK(writer->bytes() == size);
}

TEST_CASE("behind an append that failed nothing more is written") {
  TempDir dir;
  auto file = cap::DataFile::create(dir / "data");
  REQUIRE(file);
  const std::string page(4096, 'x');
  REQUIRE(file->append(std::as_bytes(std::span(page))));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{6000, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  const bool failed = !file->append(std::as_bytes(std::span(page)));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(failed);
  CHECK_FALSE(file->append(std::as_bytes(std::span(page))));  // there would be room again
  CHECK(file->size() == 4096);
  CHECK(std::filesystem::file_size(dir / "data") == 4096);
}
