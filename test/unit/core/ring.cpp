// SPDX-License-Identifier: MIT
// DataRing and AuxBuffer over plain memory, with a struct perf_event_mmap_page of our own.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/perf/aux_buffer.hpp"
#include "core/perf/data_ring.hpp"
#include "core/perf/record_build.hpp"

using namespace tracectl::perf;

namespace {

constexpr uint64_t kSize = 64;

struct Memory {
  perf_event_mmap_page page{};
  std::vector<std::byte> bytes = std::vector<std::byte>(kSize);
  // Writes at a stream position, wrapping.
  void write(uint64_t at, const std::string& text) {
    for (const char c : text) bytes[at++ % kSize] = static_cast<std::byte>(c);
  }
};

template <class Chunk>
std::string text_of(const Chunk& c) {
  std::string out(reinterpret_cast<const char*>(c.a.data()), c.a.size());
  return out.append(reinterpret_cast<const char*>(c.b.data()), c.b.size());
}

}  // namespace

TEST_CASE("an empty data ring gives nothing") {
  Memory m;
  m.page.data_head = m.page.data_tail = 200;
  CHECK(DataRing(&m.page, m.bytes.data(), kSize).readable().size() == 0);
}

TEST_CASE("a default data ring gives nothing") {
  DataRing ring;
  ring.consume(8);
  CHECK(ring.readable().size() == 0);
}

TEST_CASE("a data ring gives what lies between tail and head in one span") {
  Memory m;
  m.write(8, "abcdefgh");
  m.page.data_tail = 8;
  m.page.data_head = 16;
  const auto chunk = DataRing(&m.page, m.bytes.data(), kSize).readable();
  CHECK(text_of(chunk) == "abcdefgh");
  CHECK(chunk.b.empty());
}

TEST_CASE("a record across the wrap of a data ring comes in two spans") {
  Memory m;
  char record[64];
  const size_t size = build_itrace_start(record, sizeof record, SampleId{});
  REQUIRE(size == 48);
  const uint64_t tail = 10 * kSize + 40;
  m.write(tail, std::string(record, size));
  m.page.data_tail = tail;
  m.page.data_head = tail + size;
  const auto chunk = DataRing(&m.page, m.bytes.data(), kSize).readable();
  CHECK(chunk.a.size() == 24);
  CHECK(chunk.b.size() == 24);
  CHECK(text_of(chunk) == std::string(record, size));
}

TEST_CASE("an exactly full data ring gives every byte once") {
  Memory m;
  const std::string text = std::string(32, 'x') + std::string(32, 'y');
  m.write(96, text);
  m.page.data_tail = 96;
  m.page.data_head = 96 + kSize;
  CHECK(text_of(DataRing(&m.page, m.bytes.data(), kSize).readable()) == text);
}

TEST_CASE("consuming a data ring moves its tail only") {
  Memory m;
  m.page.data_tail = 48;
  m.page.data_head = 96;
  DataRing ring(&m.page, m.bytes.data(), kSize);
  ring.consume(ring.readable().size());
  CHECK(m.page.data_tail == 96);
  CHECK(m.page.data_head == 96);
  CHECK(ring.readable().size() == 0);
}

TEST_CASE("a data head that someone destroyed never leads outside the ring") {
  Memory m;
  m.page.data_tail = 8;
  m.page.data_head = UINT64_MAX;
  CHECK(DataRing(&m.page, m.bytes.data(), kSize).readable().size() == kSize);
}

TEST_CASE("an empty AUX buffer gives nothing") {
  Memory m;
  m.page.aux_head = m.page.aux_tail = 77;
  const auto chunk = AuxBuffer(&m.page, m.bytes.data(), kSize).readable();
  CHECK(chunk.size() == 0);
  CHECK(chunk.offset == 77);
}

TEST_CASE("an AUX buffer gives the stream position of its first byte") {
  Memory m;
  m.write(190, "abcd");
  m.page.aux_tail = 190;
  m.page.aux_head = 194;
  const auto chunk = AuxBuffer(&m.page, m.bytes.data(), kSize).readable();
  CHECK(chunk.offset == 190);
  CHECK(text_of(chunk) == "abcd");
  CHECK(chunk.a.size() == 2);
}

TEST_CASE("an exactly full AUX buffer gives every byte once") {
  Memory m;
  std::string text;
  for (size_t i = 0; i < kSize; ++i) text += static_cast<char>(i);
  m.write(5, text);
  m.page.aux_tail = 5;
  m.page.aux_head = 5 + kSize;
  CHECK(text_of(AuxBuffer(&m.page, m.bytes.data(), kSize).readable()) == text);
}

TEST_CASE("a lapped AUX buffer gives the last bytes, at their position") {
  Memory m;
  m.page.aux_tail = 0;
  m.page.aux_head = 1000;
  const auto chunk = AuxBuffer(&m.page, m.bytes.data(), kSize).readable();
  CHECK(chunk.offset == 1000 - kSize);
  CHECK(chunk.size() == kSize);
}

TEST_CASE("consuming an AUX buffer moves its tail only") {
  Memory m;
  m.page.aux_head = 30;
  AuxBuffer buffer(&m.page, m.bytes.data(), kSize);
  buffer.consume(20);
  CHECK(m.page.aux_tail == 20);
  CHECK(buffer.readable().offset == 20);
  CHECK(buffer.readable().size() == 10);
}

TEST_CASE("an AUX buffer whose tail is ahead of its head gives nothing yet") {
  Memory m;  // ring mode: the writer set the tail of its next snapshot, its head is still to come
  m.page.aux_head = 40;
  m.page.aux_tail = 100;
  CHECK(AuxBuffer(&m.page, m.bytes.data(), kSize).readable().size() == 0);
}
