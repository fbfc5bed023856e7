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

TEST_CASE("large payloads lie in pages as their stream does, as long as both are multiples of 8 bytes") {
  TempDir dir;
  const std::vector<size_t> sizes = {8, 100'000, 64, 70'008, 16, 200'000, 3, 80'000};
  const size_t total = std::accumulate(sizes.begin(), sizes.end(), size_t{0});
  const auto trace = numbers(total, 0);
  {
    auto writer = cap::Writer::create(setup(dir / "c"));
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
  CHECK(read_back(dir / "c", stream) == trace);
  CHECK(stream.gaps == 0);
  REQUIRE(stream.fragments.size() == sizes.size());
  uint64_t position = 0;
  for (const auto& fragment : stream.fragments) {
    const bool in_place = fragment.file_offset % cap::kTracePage == position % cap::kTracePage;
    if (fragment.size >= 64 * 1024) CHECK(in_place == (position % 8 == 0));
    position += fragment.size;
  }
  CHECK(position % 8 == 3);
}
