// SPDX-License-Identifier: MIT
// The reader on damaged and on foreign files: whatever the bytes are, it ends and stays
// inside the file (the sanitizers watch).
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <random>

#include "capture_fixture.hpp"
#include "core/capture/format.hpp"
#include "core/capture/reader.hpp"
#include "core/perf/records.hpp"

using namespace capture_fixture;
using tracectl::LossKind;

namespace {

// Keeps the compiler from leaving the reads out.
unsigned looked_at = 0;

// Reads everything that a reader offers; returns the number of records, -1 when refused.
int exhaust(const std::string& path) {
  const auto reader = cap::Reader::open(path);
  if (!reader) return -1;
  int records = 0;
  unsigned sum = 0;
  reader->for_each_record([&](const cap::Record& r) {
    ++records;
    for (const auto b : r.body) sum += std::to_integer<unsigned>(b);
    if (const auto map = perf::parse_mmap(r.type, r.misc, r.body)) sum += static_cast<unsigned>(map->name.size());
    return true;
  });
  for (const auto& stream : reader->streams())
    for (const auto& fragment : stream.fragments)
      for (const auto b : reader->bytes(fragment)) sum += std::to_integer<unsigned>(b);
  for (unsigned feature = 0; feature < 300; ++feature) sum += static_cast<unsigned>(reader->feature_string(feature).size());
  looked_at += sum;
  return records;
}

std::string shared(const std::string& name) {
  const char* root = std::getenv("TRACECTL_SHARED");
  const std::string path =
      (root != nullptr ? std::string(root) : std::string(TRACECTL_SOURCE_DIR) + "/../shared") + "/data/" + name;
  if (std::filesystem::exists(path)) return path;
  WARN("skipped: " << path << " is absent");
  return {};
}

}  // namespace

TEST_CASE("every header byte may be any byte") {
  TempDir dir;
  write_small(dir / "c");
  const std::string good = slurp(dir / "c/data");
  for (size_t at = 0; at < 104; ++at)
    for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff, good[at] ^ 0x10}) {
      std::string bad = good;
      bad[at] = static_cast<char>(value);
      spill(dir / "bad", bad);
      CHECK(exhaust(dir / "bad") < 100);
    }
}

TEST_CASE("a file may be cut at every byte") {
  TempDir dir;
  write_small(dir / "c");
  const std::string good = slurp(dir / "c/data");
  for (size_t size = 0; size < good.size(); ++size) {
    spill(dir / "bad", good.substr(0, size));
    CHECK(exhaust(dir / "bad") < 100);
  }
}

TEST_CASE("random damage never leads the reader astray") {
  TempDir dir;
  write_small(dir / "c");
  const std::string good = slurp(dir / "c/data");
  std::mt19937_64 random(12345);
  for (int round = 0; round < 2000; ++round) {
    std::string bad = good;
    for (uint64_t n = 1 + random() % 8; n != 0; --n) {
      const size_t at = random() % bad.size();
      switch (random() % 3) {
        case 0:
          bad[at] = static_cast<char>(random());
          break;
        case 1:
          bad[at] = static_cast<char>(random() % 2 ? 0xff : 0);
          break;
        default: {
          const uint64_t word = random() % 2 ? random() : UINT64_MAX - random() % 64;
          std::memcpy(bad.data() + std::min(at & ~size_t{7}, bad.size() - 8), &word, 8);
        }
      }
    }
    spill(dir / "bad", bad);
    CHECK(exhaust(dir / "bad") < 2000);
  }
}

TEST_CASE("an event list that shares one long id list is refused or stays small") {
  TempDir dir;
  write_small(dir / "c");
  std::string bad = slurp(dir / "c/data");
  cap::FileHeader header;
  std::memcpy(&header, bad.data(), sizeof header);
  for (int i = 0; i < 3; ++i) {
    const cap::FileSection all{0, bad.size() & ~size_t{7}};
    std::memcpy(bad.data() + header.attrs.offset + static_cast<size_t>(i) * header.attr_size + 128, &all, sizeof all);
  }
  spill(dir / "bad", bad);
  CHECK_FALSE(cap::Reader::open(dir / "bad"));
}

TEST_CASE("a perf.data of another recorder: Intel PT by perf of Linux 4.14") {
  const std::string path = shared("intel_pt/quipper/perf.data.intel_pt-4.14");
  if (path.empty()) return;
  const auto reader = cap::Reader::open(path);
  REQUIRE(reader);
  std::map<uint32_t, int> seen, wanted;
  reader->for_each_record([&](const cap::Record& r) { return ++seen[r.type], true; });
  // In the listing an event is a `header {` two levels deep with its type on the next line.
  std::ifstream in(path + ".pb_text");
  for (std::string before, line; std::getline(in, line); before = line)
    if (before == "  header {") ++wanted[static_cast<uint32_t>(std::stoul(line.substr(line.find(':') + 1)))];
  CHECK(seen == wanted);
  CHECK_FALSE(reader->loss().any());
  CHECK(reader->aux_info().type == 1);
  CHECK(reader->streams().size() == 2);
  REQUIRE(reader->events().size() == 4);
  CHECK(reader->events()[0].ids == std::vector<uint64_t>{124, 125, 126, 127});
  CHECK_FALSE(reader->events()[0].name.empty());
}

TEST_CASE("a perf.data of another recorder: ETM by simpleperf") {
  const std::string path = shared("coresight/simpleperf/perf_etm.data");
  if (path.empty()) return;
  const auto reader = cap::Reader::open(path);
  REQUIRE(reader);
  CHECK(reader->aux_info().type == 3);
  CHECK_FALSE(reader->streams().empty());
  CHECK(reader->aux_bytes() > 0);
  CHECK(reader->loss()[LossKind::cut_file] == 0);
  CHECK(reader->loss()[LossKind::unknown_records] == 0);
}
