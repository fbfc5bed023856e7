// SPDX-License-Identifier: MIT
#include "views/stream_cuts.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>

using namespace tracectl;
using views::StreamCut;
using views::StreamCuts;

namespace {

constexpr uint64_t kBranch = 256;  // a branch for so many bytes of trace

// A trace of branches, with sync points here and there. A decoder begins with the first of them that it meets.
struct Trace {
  std::vector<decode::Run> runs;
  std::set<uint64_t> syncs;
  std::set<uint64_t> wrong;    // where a decoder that begins there sees something else until the next one
  std::set<uint64_t> damaged;  // bytes that are no trace
  std::set<uint64_t> silent;   // multiples of 64 KiB without branches
  int probes = 0;

  static Trace of(uint64_t size, uint64_t each) {
    Trace out;
    out.runs = {{0, size, 0, 0}};
    for (uint64_t at = 0; at < size; at += each) out.syncs.insert(at);
    return out;
  }

  // What is counted: branches by their place.
  [[nodiscard]] std::map<uint64_t, int> blocks(uint64_t begin, uint64_t end, decode::ItemSink* sink) const {
    std::map<uint64_t, int> out;
    const auto sync = syncs.lower_bound(begin);
    if (sync == syncs.end()) return out;
    uint64_t off = wrong.count(*sync) != 0 ? 1 : 0;
    for (uint64_t at = *sync; at + kBranch <= end; at += kBranch) {
      if (at != *sync && syncs.count(at) != 0) off = 0;
      if (damaged.lower_bound(at) != damaged.lower_bound(at + kBranch) && sink != nullptr)
        sink->on_loss({}, {LossKind::undecodable, 0, 0, ""});
      if (silent.count(at >> 16) != 0) continue;
      ++out[at + off];
      if (sink != nullptr)
        sink->on_block({at, 1, 1, -1, 0}, {at + off, at + off + 3, 4, 1, decode::BranchKind::jump, true, at + 1});
    }
    return out;
  }

  StreamCuts cuts() {
    return StreamCuts(
        runs,
        [this](uint64_t from, uint64_t end) -> Result<uint64_t> {
          const auto next = syncs.lower_bound(from);
          return next == syncs.end() ? end : std::min(*next, end);
        },
        [this](uint64_t begin, uint64_t end) -> Result<views::PartProbe> {
          ++probes;
          views::PartProbe out;
          views::BehindBranch behind(out.counts);
          (void)blocks(begin, end, &behind);
          out.counts.finish();
          out.past = behind.past();
          return out;
        });
  }
  [[nodiscard]] StreamCut at(uint64_t place) {
    const auto cut = cuts().at(place);
    REQUIRE(cut);
    return *cut;
  }
};

}  // namespace

TEST_CASE("a cut is the next sync point, and goes on behind the next branch") {
  Trace trace = Trace::of(1 << 20, 10240);
  CHECK(trace.at(0) == StreamCut{0, 0});
  const StreamCut cut = trace.at(100000);
  CHECK(cut.at == 102400);
  CHECK(cut.behind > cut.at + kBranch);
  CHECK(trace.syncs.count(cut.behind) == 1);
  CHECK(trace.at(102400) == cut);
  CHECK(trace.at((1 << 20) - 1) == StreamCut{1 << 20, 1 << 20});
  CHECK(trace.at(1 << 20) == StreamCut{1 << 20, 1 << 20});
}

TEST_CASE("a later place never gets an earlier cut, and cuts stay where they are") {
  Trace trace = Trace::of(1 << 20, 5120);
  trace.wrong = {102400, 107520, 204800};
  trace.damaged = {300001, 500000};
  uint64_t last = 0;
  for (uint64_t place = 0; place <= 1 << 20; place += 3001) {
    const StreamCut cut = trace.at(place);
    CHECK(cut.at >= std::max(place, last));
    last = cut.at;
    CHECK(trace.at(std::min<uint64_t>(cut.at, 1 << 20)).at == cut.at);
  }
}

TEST_CASE("where a decoder that begins sees something else there is no cut") {
  Trace trace = Trace::of(1 << 20, 10240);
  trace.wrong = {102400, 112640};
  CHECK(trace.at(100000).at == 122880);
}

TEST_CASE("there is no cut near damage") {
  Trace trace = Trace::of(1 << 20, 10240);
  trace.damaged = {512000};
  const uint64_t cut = trace.at(505000).at;
  CHECK(cut > 512000);
  CHECK(cut < 600000);
  trace.damaged.clear();
  CHECK(trace.at(505000).at == 512000);
}

TEST_CASE("without a sync point or a branch behind it all belongs to what is in front") {
  Trace none = Trace::of(1 << 20, 1 << 19);
  CHECK(none.at((1 << 19) + 1) == StreamCut{1 << 20, 1 << 20});
  Trace silent = Trace::of(1 << 18, 10240);
  silent.silent = {2, 3};
  CHECK(silent.at(140000) == StreamCut{1 << 18, 1 << 18});
  silent.silent = {2};
  const StreamCut cut = silent.at(140000);
  CHECK(cut.at == 143360);
  CHECK(cut.behind > 3 << 16);  // it goes on to the first branch
}

TEST_CASE("a run's begin is a cut, and its end ends what crosses one") {
  Trace trace = Trace::of(200000, 10240);
  trace.runs = {{0, 100000, 0, 0}, {100000, 100000, 5, 0}};
  CHECK(trace.at(100000) == StreamCut{100000, 100000});
  const StreamCut late = trace.at(80000);
  CHECK(late.at == 81920);
  CHECK(late.behind <= 100000);
  CHECK(trace.cuts().run_at(99999)->begin == 0);
  CHECK(trace.cuts().run_at(100000)->begin == 100000);
  CHECK(trace.cuts().run_at(200000) == nullptr);
}

TEST_CASE("parts between cuts add up to the whole") {
  Trace trace = Trace::of(700000, 7168);
  trace.wrong = {71680, 78848, 358400};
  trace.silent = {3, 7};
  const auto whole = trace.blocks(0, 700000, nullptr);
  // Behind the first branch, as far as `end`.
  const auto counted = [&](uint64_t begin, uint64_t end, bool behind_branch) {
    auto out = trace.blocks(begin, end, nullptr);
    if (behind_branch && !out.empty()) out.erase(out.begin());
    return out;
  };
  for (const uint64_t count : {2u, 3u, 7u, 50u, 400u}) {
    std::map<uint64_t, int> sum;
    for (uint64_t i = 0; i < count; ++i) {
      const StreamCut from = trace.at(700000 * i / count), to = trace.at(700000 * (i + 1) / count);
      if (from.at >= to.at) continue;
      for (const auto& [at, times] : counted(from.at, to.behind, from.crossed())) sum[at] += times;
      if (!to.crossed()) continue;
      for (const auto& [at, times] : counted(to.at, to.behind, true)) sum[at] -= times;
    }
    std::erase_if(sum, [](const auto& row) { return row.second == 0; });
    CHECK(sum == whole);
  }
}

TEST_CASE("a cut costs few looks at the trace") {
  Trace trace = Trace::of(1 << 30, 1 << 22);
  CHECK(trace.at(700000001).at == 700448768);
  CHECK(trace.probes < 8);
}
