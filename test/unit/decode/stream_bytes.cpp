// SPDX-License-Identifier: MIT
#include "decode/stream_bytes.hpp"

#include <algorithm>

#include "test/unit/core/capture_fixture.hpp"

using namespace capture_fixture;
using tracectl::decode::StreamBytes;

TEST_CASE("fragments are joined in order, in memory and in a file alike") {
  const std::vector<std::byte> a(100, std::byte{1}), b(50, std::byte{2});
  const std::vector<std::span<const std::byte>> parts = {a, b};
  for (const uint64_t in_memory : {uint64_t{1} << 20, uint64_t{10}}) {
    const auto joined = StreamBytes::join(parts, in_memory);
    REQUIRE(joined);
    REQUIRE(joined->bytes().size() == 150);
    CHECK((joined->bytes()[99] == std::byte{1} && joined->bytes()[100] == std::byte{2}));
  }
  const auto one = StreamBytes::join(std::span(parts).first(1));
  CHECK(one->bytes().data() == a.data());
  CHECK(StreamBytes::join({})->bytes().empty());
}

TEST_CASE("the fragments of a large stream, mapped one behind the other or joined, are its trace") {
  TempDir dir;
  std::vector<std::byte> trace(3'000'000);
  for (size_t i = 0; i < trace.size(); ++i) trace[i] = static_cast<std::byte>(i * 31 >> 7);
  for (const size_t odd : {0, 1, 8}) {  // a payload now and then has so many bytes more
    auto how = setup(dir / std::to_string(odd));
    auto writer = cap::Writer::create(how);
    REQUIRE(writer);
    for (size_t at = 0; at < trace.size();) {
      const auto part =
          std::span(trace).subspan(at, std::min<size_t>(trace.size() - at, 200'000 + (at / 200'000 % 3 == 0 ? odd : 0)));
      REQUIRE(writer->aux(0, 5, -1, at, part));
      at += part.size();
    }
    REQUIRE(writer->finish());
    const auto reader = cap::Reader::open(how.directory);
    REQUIRE(reader);
    const auto& stream = reader->streams().at(0);
    REQUIRE(stream.fragments.size() > 5);
    const auto bytes = StreamBytes::of(*reader, stream);
    REQUIRE(bytes);
    REQUIRE(bytes->bytes().size() >= trace.size());
    CHECK(std::equal(trace.begin(), trace.end(), bytes->bytes().begin()));
    // And from a later fragment on, as seeking wants it.
    auto later = stream;
    later.fragments.erase(later.fragments.begin(), later.fragments.begin() + 2);
    const auto part = StreamBytes::of(*reader, later);
    REQUIRE(part);
    const auto from = static_cast<std::ptrdiff_t>(later.fragments[0].aux_offset);
    CHECK(std::equal(trace.begin() + from, trace.end(), part->bytes().begin()));
  }
}
