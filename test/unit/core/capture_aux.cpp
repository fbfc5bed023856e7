// SPDX-License-Identifier: MIT
// How a capture keeps the trace of its streams.
#include <catch2/catch.hpp>
#include <numeric>

#include "capture_fixture.hpp"
#include "core/capture/format.hpp"
#include "core/capture/reader.hpp"

using namespace capture_fixture;

namespace {

std::vector<std::byte> numbers(size_t size, unsigned from) {
  std::vector<std::byte> out(size);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>((from + i) * 7 >> 3);
  return out;
}

// What a reader finds of the stream, joined; and the stream.
std::vector<std::byte> read_back(const std::string& path, cap::AuxStream& stream) {
  const auto reader = cap::Reader::open(path);
  REQUIRE(reader);
  REQUIRE(reader->streams().size() == 1);
  stream = reader->streams()[0];
  std::vector<std::byte> out;
  for (const auto& fragment : stream.fragments) {
    const auto bytes = reader->bytes(fragment);
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

}  // namespace

TEST_CASE("the payloads of a whole stream need no padding, and large ones lie in pages as the stream does") {
  TempDir dir;
  auto whole = setup(dir / "c");
  whole.whole_streams = true;
  const std::vector<size_t> sizes = {3, 100'001, 5, 1, 70'000, 9, 200'003, 2};
  const size_t total = std::accumulate(sizes.begin(), sizes.end(), size_t{0});
  const auto trace = numbers(total, 0);
  {
    auto writer = cap::Writer::create(whole);
    REQUIRE(writer);
    size_t at = 0;
    for (const size_t size : sizes) {
      const auto part = std::span(trace).subspan(at, size);
      REQUIRE(writer->aux(0, 5, -1, at, part.first(size / 3), part.subspan(size / 3)));
      at += size;
      CHECK(writer->aux_bytes() == at);
      REQUIRE(writer->round());
    }
    REQUIRE(writer->finish());
  }
  cap::AuxStream stream;
  auto back = read_back(dir / "c", stream);
  REQUIRE(back.size() >= total);
  CHECK(back.size() < total + 8);  // the last may be padded
  back.resize(total);
  CHECK(back == trace);
  CHECK(stream.gaps == 0);
  size_t large = 0;
  uint64_t position = 0;
  for (const auto& fragment : stream.fragments) {
    CHECK(fragment.aux_offset == position);
    if (&fragment != &stream.fragments.back()) CHECK(fragment.size % 8 == 0);
    if (fragment.size >= 64 * 1024) {
      ++large;
      CHECK(fragment.file_offset % cap::kTracePage == position % cap::kTracePage);
    }
    position += fragment.size;
  }
  CHECK(large == 3);
}

TEST_CASE("what waits is written in front of a gap") {
  TempDir dir;
  auto whole = setup(dir / "c");
  whole.whole_streams = true;
  const auto trace = numbers(40, 1);
  {
    auto writer = cap::Writer::create(whole);
    REQUIRE(writer);
    REQUIRE(writer->aux(0, 5, -1, 0, std::span(trace).first(13)));
    REQUIRE(writer->aux(0, 5, -1, 100, std::span(trace).subspan(13)));
    REQUIRE(writer->finish());
  }
  cap::AuxStream stream;
  read_back(dir / "c", stream);
  CHECK(stream.gaps != 0);
  REQUIRE(stream.fragments.size() == 4);
  CHECK(stream.fragments[1].aux_offset == 8);
  CHECK(stream.fragments[1].size == 8);  // 5, padded
  CHECK(stream.fragments[2].aux_offset == 100);
  CHECK(stream.fragments[2].size == 24);
}
