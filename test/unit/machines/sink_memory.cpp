// SPDX-License-Identifier: MIT
#include "machines/emulated/sink_memory.hpp"

#include <catch2/catch.hpp>
#include <cstring>

#include "backends/coresight/formatter.hpp"
#include "core/perf/record_build.hpp"

using namespace tracectl;

namespace {

using Bytes = std::vector<std::byte>;

Bytes trace_of(size_t size) {
  Bytes out(size);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i * 7);
  return out;
}

}  // namespace

TEST_CASE("AUX records of a sink's memory tell where the frames are") {
  char record[96];
  perf::SampleId sid;
  emulated::SinkMemory sink(0x10);
  const Bytes trace = trace_of(500);
  uint64_t begin = 1000, framed = 0;
  for (const size_t size : {100u, 1u, 399u}) {
    const size_t n = perf::build_aux(record, sizeof record, sid, begin, size, 0);
    const auto bytes = std::as_bytes(std::span(record, n));
    // A record may lie across the ring's wrap.
    const auto placed = sink.place({bytes.subspan(0, 12), bytes.subspan(12)});
    uint64_t aux[2];
    REQUIRE(placed.size() == n);
    std::memcpy(aux, placed.data() + sizeof(perf_event_header), sizeof aux);
    CHECK(aux[0] == framed);
    CHECK(aux[1] == coresight::size_in_frames(size));
    framed += aux[1];
    begin += size;
  }
  // Of what is readable only what records tell of is taken.
  const auto first = sink.take(1000, std::span(trace).subspan(0, 120));
  CHECK(first.taken == 101);
  CHECK(first.begin == 0);
  CHECK(first.bytes.size() == coresight::size_in_frames(100) + coresight::size_in_frames(1));
  const auto rest = sink.take(1101, std::span(trace).subspan(101));
  CHECK(rest.taken == 399);
  CHECK(rest.begin == first.bytes.size());
  Bytes wanted;
  coresight::append_frames(wanted, 0x10, std::span(trace).subspan(101));
  CHECK(rest.bytes == wanted);
}
