// SPDX-License-Identifier: MIT
// TraceTime against libipt's query decoder: the same time behind any row of packets, and the same ones refused.
#include "backends/intel_pt/trace_time.hpp"

#include <intel-pt.h>

#include <catch2/catch.hpp>
#include <random>
#include <vector>

using namespace tracectl;

namespace {

// Time packets between bits, told to both.
class Both {
 public:
  Both(const intel_pt::TimeFacts& facts, std::mt19937_64& random) : facts_(facts), time_(facts), random_(random) {
    put({2, 0x82, 2, 0x82, 2, 0x82, 2, 0x82, 2, 0x82, 2, 0x82, 2, 0x82, 2, 0x82});
    time_.on_psb();
  }

  // False: the packet was one to refuse.
  bool packet(bool in_psb) {
    const auto pick = random_() % 16;
    if (pick == 0) return tsc(in_psb);
    if (pick == 1) return cbr(in_psb);
    if (pick == 2) return tma();
    if (pick < 8) return mtc();
    return cyc();
  }
  bool tsc(bool in_psb) {
    const uint64_t value = tsc_ += random_() % 3 == 0 ? random_() % 5000 : random_() >> (8 + random_() % 56);
    put({0x19});
    number(value & 0xffffffffffffff, 7);
    return time_.on_tsc(value & 0xffffffffffffff, in_psb);
  }
  bool tma() {
    const auto ctc = static_cast<uint16_t>(random_()), fast = static_cast<uint16_t>(random_() & 0x1ff);
    put({2, 0x73});
    number(ctc, 2);
    put({0});
    number(fast, 2);
    ctc_ = static_cast<uint8_t>(ctc >> facts_.mtc_freq);
    return time_.on_tma(ctc, fast);
  }
  void psbend() { put({2, 0x23}); }
  void bit() { put({4}); }

  [[nodiscard]] const intel_pt::TraceTime& time() const { return time_; }
  [[nodiscard]] const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  bool cbr(bool in_psb) {
    const auto ratio = static_cast<uint8_t>(random_() % 64 == 0 ? 0 : 8 + random_() % 40);
    put({2, 3, ratio, 0});
    return time_.on_cbr(ratio, in_psb);
  }
  bool mtc() {
    ctc_ = static_cast<uint8_t>(random_() % 8 == 0 ? random_() : ctc_ + 1 + (random_() % 4 == 0 ? random_() % 3 : 0));
    put({0x59, ctc_});
    return time_.on_mtc(ctc_);
  }
  bool cyc() {
    const uint64_t cycles = random_() % 16 == 0 ? random_() >> (random_() % 64) >> 4 : random_() % 4096;
    uint64_t rest = cycles >> 5;
    put({static_cast<uint8_t>((cycles & 0x1f) << 3 | (rest != 0 ? 4 : 0) | 3)});
    for (; rest != 0; rest >>= 7) put({static_cast<uint8_t>((rest & 0x7f) << 1 | (rest >> 7 != 0 ? 1 : 0))});
    return time_.on_cyc(cycles);
  }
  void put(std::initializer_list<uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes); }
  void number(uint64_t value, unsigned size) {
    for (; size != 0; --size, value >>= 8) put({static_cast<uint8_t>(value)});
  }

  intel_pt::TimeFacts facts_;
  intel_pt::TraceTime time_;
  std::mt19937_64& random_;
  std::vector<uint8_t> bytes_;
  uint64_t tsc_ = 1 << 20;
  uint8_t ctc_ = 0;
};

// What libipt says of the time behind each bit, until it refuses.
struct Told {
  uint64_t time = 0;
  bool known = false;
};
std::vector<Told> by_libipt(std::vector<uint8_t> bytes, const intel_pt::TimeFacts& facts) {
  pt_config config;
  pt_config_init(&config);
  config.begin = bytes.data();
  config.end = bytes.data() + bytes.size();
  config.cpuid_0x15_eax = facts.ctc_d;
  config.cpuid_0x15_ebx = facts.ctc_n;
  config.mtc_freq = facts.mtc_freq;
  config.nom_freq = facts.nominal;
  config.errata.skl168 = facts.lost_cycles ? 1 : 0;
  std::vector<Told> out;
  pt_query_decoder* const decoder = pt_qry_alloc_decoder(&config);
  uint64_t ip = 0;
  int status = pt_qry_sync_set(decoder, &ip, 0);
  while (status >= 0) {
    pt_event event;
    int taken = 0;
    const bool pending = (status & pts_event_pending) != 0;
    status = pending ? pt_qry_event(decoder, &event, sizeof event) : pt_qry_cond_branch(decoder, &taken);
    if (status < 0 || pending) continue;
    Told told;
    told.known = pt_qry_time(decoder, &told.time, nullptr, nullptr) == 0;
    out.push_back(told);
  }
  pt_qry_free_decoder(decoder);
  return out;
}

}  // namespace

TEST_CASE("time between branches is libipt's, packet for packet") {
  std::mt19937_64 random(7);
  size_t compared = 0, refused = 0, moved = 0;
  for (int round = 0; round < 4000; ++round) {
    intel_pt::TimeFacts facts;
    facts.mtc_freq = static_cast<uint8_t>(random() % 16);
    if (random() % 8 != 0) facts.ctc_n = 1 + random() % 400, facts.ctc_d = 1 + random() % 4;
    if (random() % 2 != 0) facts.nominal = static_cast<uint8_t>(10 + random() % 40);
    facts.lost_cycles = random() % 4 == 0;
    Both both(facts, random);
    std::vector<Told> wanted;
    bool good = true;
    if (random() % 8 != 0) good = both.tsc(true);
    if (good && random() % 2 != 0) good = both.tma();
    for (auto n = random() % 4; good && n != 0; --n) good = both.packet(true);
    both.psbend();
    for (auto bits = random() % 40; good && bits != 0; --bits) {
      for (auto n = random() % 5; good && n != 0; --n) good = both.packet(false);
      both.bit();
      if (good) wanted.push_back({both.time().now(), both.time().known()});
    }
    const auto told = by_libipt(both.bytes(), facts);
    // A packet that is refused takes the bit with it that it was read ahead of.
    if (!good && told.size() + 1 == wanted.size()) wanted.pop_back();
    REQUIRE(told.size() == wanted.size());
    for (size_t i = 0; i < told.size(); ++i) {
      INFO("round " << round << ", bit " << i);
      REQUIRE(told[i].known == wanted[i].known);
      REQUIRE(told[i].time == wanted[i].time);
      moved += i != 0 && told[i].time != told[i - 1].time ? 1 : 0;
    }
    compared += told.size();
    refused += good ? 0 : 1;
  }
  CHECK(compared > 20000);
  CHECK(moved > 10000);
  CHECK(refused > 100);
}
