// SPDX-License-Identifier: MIT
// Records in a drained piece of a ring, wherever it wraps.
#include "core/perf/ring_records.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

using tracectl::perf::RingRecords;

namespace {

std::vector<std::byte> record(uint32_t type, uint16_t size) {
  std::vector<std::byte> out(size, static_cast<std::byte>(type));
  const perf_event_header header{type, 0, size};
  std::memcpy(out.data(), &header, sizeof header);
  return out;
}

std::vector<std::byte> three() {
  std::vector<std::byte> out;
  for (const auto& r : {record(1, 8), record(2, 40), record(3, 16)}) out.insert(out.end(), r.begin(), r.end());
  return out;
}

}  // namespace

TEST_CASE("every record is found, with its body, wherever the ring wraps") {
  const auto all = three();
  for (size_t wrap = 0; wrap <= all.size(); ++wrap) {
    const std::span<const std::byte> bytes(all);
    RingRecords records(bytes.first(wrap), bytes.subspan(wrap));
    std::vector<uint32_t> types;
    while (records.next()) {
      types.push_back(records.header().type);
      std::vector<std::byte> body(64);
      body.resize(records.body(body));
      CHECK(body == std::vector<std::byte>(records.header().size - 8u, static_cast<std::byte>(records.header().type)));
    }
    CHECK(types == std::vector<uint32_t>{1, 2, 3});
    CHECK_FALSE(records.broken());
  }
}

TEST_CASE("a header that cannot be right ends the walk and says where") {
  for (const uint16_t size : {0, 7, 12, 24}) {
    auto all = three();
    std::memcpy(all.data() + 8 + 40 + offsetof(perf_event_header, size), &size, sizeof size);
    RingRecords records(all, {});
    CHECK(records.next());
    CHECK(records.next());
    CHECK_FALSE(records.next());
    CHECK(records.broken());
    CHECK(records.at() == 48);
    CHECK_FALSE(records.next());
  }
  const std::vector<std::byte> stub(4);
  RingRecords records(stub, {});
  CHECK_FALSE(records.next());
  CHECK(records.broken());
}
