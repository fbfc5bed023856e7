// SPDX-License-Identifier: MIT
#include "decode/stream_slice.hpp"

#include <catch2/catch.hpp>

#include "decode/stream_bytes.hpp"

using namespace tracectl;
using decode::slice_of;

namespace {

// 100 bytes at 0, 100 behind them, and 100 at 300 behind a gap; a buffer was full at 150.
capture::AuxStream stream() {
  capture::AuxStream out;
  out.fragments = {{1000, 100, 0}, {2000, 100, 100}, {3000, 100, 300}};
  out.size = 300;
  out.cuts = {150};
  return out;
}

using Fragment = std::tuple<uint64_t, uint64_t, uint64_t>;
std::vector<Fragment> fragments(const capture::AuxStream& stream) {
  std::vector<Fragment> out;
  for (const auto& f : stream.fragments) out.emplace_back(f.file_offset, f.size, f.aux_offset);
  return out;
}

// Each run: size, bytes that are missing in front.
std::vector<std::pair<uint64_t, uint64_t>> runs(const capture::AuxStream& stream) {
  std::vector<std::pair<uint64_t, uint64_t>> out;
  for (const auto& run : decode::runs_of(stream)) out.emplace_back(run.size, run.missing);
  return out;
}

using Runs = std::vector<std::pair<uint64_t, uint64_t>>;

}  // namespace

TEST_CASE("a slice has the bytes and the places of its part") {
  const auto part = slice_of(stream(), 50, 210);
  CHECK(fragments(part) == std::vector<Fragment>{{1050, 50, 50}, {2000, 100, 100}, {3000, 10, 300}});
  CHECK(part.size == 160);
  CHECK(runs(stream()) == Runs{{150, 0}, {50, 0}, {100, 100}});
  CHECK(runs(part) == Runs{{100, 0}, {50, 0}, {10, 100}});
}

TEST_CASE("a slice that begins in the midst of a run says that something is left out") {
  CHECK(slice_of(stream(), 50, 210).skipped == 50);
  CHECK(slice_of(stream(), 120, 130).skipped == 120);
  CHECK(slice_of(stream(), 230, 300).skipped == 230);
  CHECK(runs(slice_of(stream(), 230, 300)) == Runs{{70, 0}});
}

TEST_CASE("a slice that begins with a run begins as that does") {
  const auto behind_full = slice_of(stream(), 150, 300);
  CHECK(behind_full.skipped == 0);
  CHECK(runs(behind_full) == Runs{{50, 0}, {100, 100}});
  const auto behind_gap = slice_of(stream(), 200, 300);
  CHECK(behind_gap.skipped == 0);
  CHECK(runs(behind_gap) == Runs{{100, 100}});
  const auto first = slice_of(stream(), 0, 300);
  CHECK(fragments(first) == fragments(stream()));
  CHECK(runs(first) == runs(stream()));
}

TEST_CASE("a stream whose begin is missing has a slice without it") {
  capture::AuxStream ring = stream();
  ring.fragments.erase(ring.fragments.begin(), ring.fragments.begin() + 2);
  CHECK(runs(slice_of(ring, 0, 60)) == Runs{{60, 300}});
  CHECK(runs(slice_of(ring, 10, 60)) == Runs{{50, 0}});
  CHECK(fragments(slice_of(ring, 10, 10)).empty());
}
