// SPDX-License-Identifier: MIT
// repair(): whatever a crash left becomes a file that its reader calls whole, with the same
// records, the loss said, and no byte thrown away.
#include <sys/file.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "capture_fixture.hpp"
#include "core/capture/format.hpp"
#include "core/capture/reader.hpp"
#include "core/capture/repair.hpp"
#include "core/fd.hpp"

using namespace capture_fixture;
using tracectl::LossKind;

namespace {

// Every record's bytes, and every trace byte, in file order.
std::string contents(const std::string& path) {
  const auto reader = cap::Reader::open(path);
  REQUIRE(reader);
  std::string out;
  reader->for_each_record([&](const cap::Record& r) {
    out += std::to_string(r.type) + ":";
    out.append(reinterpret_cast<const char*>(r.body.data()), r.body.size());
    return true;
  });
  for (const auto& stream : reader->streams())
    for (const auto& fragment : stream.fragments) {
      const auto bytes = reader->bytes(fragment);
      out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
  return out;
}

// A capture directory that holds only `data`.
void make_capture(const std::string& directory, const std::string& data) {
  std::filesystem::remove_all(directory);
  std::filesystem::create_directory(directory);
  spill(directory + "/data", data);
}

cap::FileHeader header_of(const std::string& data) {
  cap::FileHeader header{};
  REQUIRE(data.size() >= sizeof header);
  std::memcpy(&header, data.data(), sizeof header);
  return header;
}

// Holds a repaired capture against the damaged bytes that it was made from.
void check_repaired(const std::string& directory, const std::string& damaged, const std::string& was,
                    const cap::Repair& done) {
  CHECK(contents(directory) == was);
  const auto reader = cap::Reader::open(directory);
  REQUIRE(reader);
  CHECK(reader->finished());
  CHECK(reader->loss()[LossKind::cut_file] == 0);
  const std::string now = slurp(directory + "/data");
  const auto header = header_of(now);
  const uint64_t end = header.data.offset + header.data.size;
  CHECK(now.substr(sizeof header, end - sizeof header) == damaged.substr(sizeof header, end - sizeof header));
  CHECK(done.cut_bytes == damaged.size() - end);
  const std::string tail = done.kept_in.empty() ? "" : slurp(directory + "/" + done.kept_in);
  CHECK(tail == damaged.substr(end));
  const auto json = nlohmann::json::parse(slurp(directory + "/capture.json"));
  CHECK(json["loss"]["cut_file"] == 1);
  const auto again = cap::repair(directory);
  REQUIRE(again);
  CHECK_FALSE(again->changed);
  CHECK(slurp(directory + "/data") == now);
}

}  // namespace

TEST_CASE("a whole capture is left as it is") {
  TempDir dir;
  write_small(dir / "c");
  const std::string before = slurp(dir / "c/data");
  const auto done = cap::repair(dir / "c");
  REQUIRE(done);
  CHECK_FALSE(done->changed);
  CHECK(done->records > 5);
  CHECK(slurp(dir / "c/data") == before);
  CHECK_FALSE(std::filesystem::exists(dir / "c/capture.json"));
}

TEST_CASE("an unfinished capture gets what finish() would have written") {
  TempDir dir;
  write_small(dir / "whole");
  write_small(dir / "c", false);
  const std::string damaged = slurp(dir / "c/data");
  const std::string was = contents(dir / "c");
  spill(dir / "c/capture.json",
        R"({"title": "t", "command": ["app"], "cpuid": "GenuineIntel,6,85,4",
            "plan": {"triggers": [{"name": "parse", "event_ids": [103]}]}, "loss": {"truncated": 7}})");
  const auto done = cap::repair(dir / "c");
  REQUIRE(done);
  CHECK(done->changed);
  CHECK(done->cut_bytes == 0);
  CHECK(done->kept_in.empty());
  check_repaired(dir / "c", damaged, was, *done);
  const auto whole = cap::Reader::open(dir / "whole"), now = cap::Reader::open(dir / "c");
  for (size_t i = 0; i < whole->events().size(); ++i) CHECK(now->events()[i].name == whole->events()[i].name);
  CHECK(now->feature_string(cap::kCpuId) == "GenuineIntel,6,85,4");
  CHECK(now->feature_string(cap::kCmdline) == "app");
  CHECK(now->feature_string(cap::kArch) == "x86_64");
  const auto json = nlohmann::json::parse(slurp(dir / "c/capture.json"));
  CHECK(json["title"] == "t");
  CHECK(json["loss"]["truncated"] == 7);
  CHECK(json["repaired"] == true);
}

TEST_CASE("a capture cut at any byte is repaired or refused, and no byte is lost") {
  TempDir dir;
  for (const bool finished : {false, true}) {
    write_small(dir / "c", finished);
    const std::string good = slurp(dir / "c/data");
    const uint64_t head = header_of(good).data.offset;
    for (size_t size = 0; size < good.size(); ++size) {
      INFO("cut at " << size << " of " << good.size() << (finished ? ", finished" : ""));
      const std::string damaged = good.substr(0, size);
      make_capture(dir / "cut", damaged);
      const auto read = cap::Reader::open(dir / "cut");
      CHECK(read.has_value() == (size >= head));
      if (read) CHECK(read->loss()[LossKind::cut_file] == 1);
      const std::string was = read ? contents(dir / "cut") : "";
      const auto repaired = cap::repair(dir / "cut");
      REQUIRE(repaired.has_value() == !was.empty());
      if (!repaired) {
        CHECK(slurp(dir / "cut/data") == damaged);
        continue;
      }
      CHECK(repaired->changed);
      check_repaired(dir / "cut", damaged, was, *repaired);
    }
  }
}

TEST_CASE("a repair that was killed at any step is repeated") {
  TempDir dir;
  write_small(dir / "c", false);
  const std::string whole_records = slurp(dir / "c/data");
  const std::string damaged = whole_records + "half a record";
  make_capture(dir / "c", damaged);
  const std::string was = contents(dir / "c");
  REQUIRE(cap::repair(dir / "c"));
  const std::string repaired = slurp(dir / "c/data");
  // Killed in step 4, at every byte of the sections: the header has no features yet.
  for (size_t size = whole_records.size(); size < repaired.size(); size += 7) {
    std::string killed = repaired.substr(0, size);
    std::memset(killed.data() + offsetof(cap::FileHeader, features), 0, 32);
    make_capture(dir / "k", killed);
    CHECK(contents(dir / "k") == was);
    const auto done = cap::repair(dir / "k");
    REQUIRE(done);
    check_repaired(dir / "k", killed, was, *done);
  }
  // Killed between saving the tail and cutting it off: the saved one is not written over.
  make_capture(dir / "k", damaged);
  const std::string saved = dir / ("k/data.cut-" + std::to_string(whole_records.size()));
  spill(saved, "half a record");
  const auto done = cap::repair(dir / "k");
  REQUIRE(done);
  CHECK(slurp(saved) == "half a record");
  CHECK(done->kept_in == "data.cut-" + std::to_string(whole_records.size()) + ".2");
}

TEST_CASE("damage in the middle keeps what stands before it, and the rest aside") {
  TempDir dir;
  write_small(dir / "c");
  std::string bad = slurp(dir / "c/data");
  const auto header = header_of(bad);
  const size_t middle = header.data.offset + header.data.size / 2;
  std::memset(bad.data() + middle, 0xff, 64);
  make_capture(dir / "c", bad);
  const std::string was = contents(dir / "c");
  const auto done = cap::repair(dir / "c");
  REQUIRE(done);
  CHECK(done->changed);
  check_repaired(dir / "c", bad, was, *done);
}

TEST_CASE("random damage is repaired or refused; then it reads as it did before") {
  TempDir dir;
  write_small(dir / "c");
  const std::string good = slurp(dir / "c/data");
  std::mt19937_64 random(4711);
  for (int round = 0; round < 500; ++round) {
    std::string bad = good;
    for (uint64_t n = 1 + random() % 4; n != 0; --n) bad[random() % bad.size()] = static_cast<char>(random());
    make_capture(dir / "bad", bad);
    const auto read = cap::Reader::open(dir / "bad");
    const std::string was = read ? contents(dir / "bad") : "";
    const auto done = cap::repair(dir / "bad");
    REQUIRE(done.has_value() == !was.empty());
    if (!done) continue;
    INFO("round " << round);
    CHECK(contents(dir / "bad") == was);
    const auto again = cap::repair(dir / "bad");
    REQUIRE(again);
    CHECK_FALSE(again->changed);
  }
}

TEST_CASE("what is no capture is refused in words, and not touched") {
  TempDir dir;
  CHECK_FALSE(cap::repair(dir / "absent"));
  std::filesystem::create_directory(dir / "empty");
  CHECK_FALSE(cap::repair(dir / "empty"));
  spill(dir / "file", "PERFILE2");
  const auto file = cap::repair(dir / "file");
  REQUIRE_FALSE(file);
  CHECK_THAT(file.error().message(), Catch::Contains("is no capture"));
  make_capture(dir / "text", "something else altogether");
  CHECK_FALSE(cap::repair(dir / "text"));
  CHECK(slurp(dir / "text/data") == "something else altogether");
}

TEST_CASE("a capture that is being recorded is not repaired") {
  TempDir dir;
  auto writer = cap::Writer::create(setup(dir / "c"));
  REQUIRE(writer);
  REQUIRE(writer->records(bytes_of(start_records())));
  const auto refused = cap::repair(dir / "c");
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message(), Catch::Contains("recording"));
  REQUIRE(writer->finish());
  { const auto ended = std::move(*writer); }
  const auto done = cap::repair(dir / "c");
  REQUIRE(done);
  CHECK_FALSE(done->changed);
}

TEST_CASE("what a recorder left that was killed before its first byte makes room for the next") {
  TempDir dir;
  make_capture(dir / "c", "");
  CHECK(cap::Writer::create(setup(dir / "c")));
  make_capture(dir / "d", "");
  spill(dir / "d/other", "x");
  CHECK_FALSE(cap::Writer::create(setup(dir / "d")));
  CHECK(std::filesystem::exists(dir / "d/data"));
}
