// SPDX-License-Identifier: MIT
// Every packet that the encoder writes, read back by libipt's packet decoder.
#include "backends/intel_pt/encoder.hpp"

#include <intel-pt.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace tracectl::intel_pt;

namespace {

// A ring of one page that is mapped twice in a row.
class Ring {
 public:
  static constexpr size_t kSize = 4096;
  Ring() {
    const int fd = memfd_create("ring", MFD_CLOEXEC);
    REQUIRE(fd >= 0);
    REQUIRE(ftruncate(fd, kSize) == 0);
    void* both = mmap(nullptr, 2 * kSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(both != MAP_FAILED);
    base_ = static_cast<uint8_t*>(both);
    for (uint8_t* at : {base_, base_ + kSize})
      REQUIRE(mmap(at, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == at);
    close(fd);
    writer.base = base_;
    writer.mask = kSize - 1;
    writer.limit = ~0ull;
  }
  ~Ring() { munmap(base_, 2 * kSize); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // The bytes written since `from`, at most a ring of them, in order.
  [[nodiscard]] std::vector<uint8_t> bytes(uint64_t from = 0) const {
    std::vector<uint8_t> out;
    for (uint64_t at = from; at < writer.pos; ++at) out.push_back(base_[at & writer.mask]);
    return out;
  }

  PtWriter writer;

 private:
  uint8_t* base_ = nullptr;
};

// A PSB in front lets libipt synchronize; it is not among the packets returned.
std::vector<pt_packet> packets_of(const std::vector<uint8_t>& bytes) {
  std::vector<uint8_t> trace;
  for (int i = 0; i < 8; ++i) trace.insert(trace.end(), {0x02, 0x82});
  trace.insert(trace.end(), bytes.begin(), bytes.end());
  pt_config config;
  pt_config_init(&config);
  config.begin = trace.data();
  config.end = trace.data() + trace.size();
  pt_packet_decoder* decoder = pt_pkt_alloc_decoder(&config);
  REQUIRE(decoder != nullptr);
  REQUIRE(pt_pkt_sync_set(decoder, 0) == 0);
  std::vector<pt_packet> out;
  for (;;) {
    pt_packet packet;
    const int status = pt_pkt_next(decoder, &packet, sizeof packet);
    if (status == -pte_eos) break;
    REQUIRE(status > 0);
    out.push_back(packet);
  }
  pt_pkt_free_decoder(decoder);
  REQUIRE(out.front().type == ppt_psb);
  out.erase(out.begin());
  return out;
}

std::vector<pt_packet_type> types_of(const std::vector<pt_packet>& packets) {
  std::vector<pt_packet_type> out;
  for (const auto& p : packets) out.push_back(p.type);
  return out;
}

// The one packet that `write` makes.
template <typename Write>
pt_packet single(Write write, uint64_t last_ip = 0) {
  Ring ring;
  ring.writer.last_ip = last_ip;
  write(ring.writer);
  const auto packets = packets_of(ring.bytes());
  REQUIRE(packets.size() == 1);
  REQUIRE(packets[0].size == ring.writer.pos);
  return packets[0];
}

}  // namespace

TEST_CASE("A short TNT packet holds one to six bits, the oldest highest") {
  for (int length = 1; length <= 6; ++length)
    for (unsigned bits = 0; bits < (1u << length); ++bits) {
      const pt_packet p = single([&](PtWriter& w) {
        for (int i = length - 1; i >= 0; --i) REQUIRE_FALSE(add_tnt(w, ((bits >> i) & 1) != 0));
        flush_tnt(w);
      });
      REQUIRE(p.type == ppt_tnt_8);
      REQUIRE(p.payload.tnt.bit_size == length);
      REQUIRE(p.payload.tnt.payload == bits);
    }
}

TEST_CASE("TNT bits of any number come out in order, in the fewest bytes") {
  for (unsigned length = 1; length <= 100; ++length)
    for (const uint64_t seed : {0ull, ~0ull, 0x5a17c0ffee5eedull, 0x123456789abcdefull}) {
      Ring ring;
      std::string wanted, got;
      unsigned longs = 0;
      for (unsigned i = 0; i < length; ++i) {
        const bool taken = (seed >> (i % 64) & 1) != 0;
        wanted += taken ? '1' : '0';
        longs += add_tnt(ring.writer, taken) ? 1 : 0;
      }
      flush_tnt(ring.writer);
      for (const auto& p : packets_of(ring.bytes()))
        for (int i = p.payload.tnt.bit_size - 1; i >= 0; --i) got += (p.payload.tnt.payload >> i & 1) != 0 ? '1' : '0';
      REQUIRE(got == wanted);
      REQUIRE(longs == length / 47);
      const unsigned rest = length % 47;
      REQUIRE(ring.writer.pos == 8 * longs + std::min(8u, (rest + 5) / 6));
    }
}

TEST_CASE("Flushing without TNT bits writes nothing") {
  Ring ring;
  flush_tnt(ring.writer);
  REQUIRE(ring.writer.pos == 0);
  add_tnt(ring.writer, true);
  flush_tnt(ring.writer);
  flush_tnt(ring.writer);
  REQUIRE(ring.writer.pos == 1);
}

TEST_CASE("Each packet with an IP takes the shortest form that the last IP allows") {
  struct Kind {
    uint8_t op;
    pt_packet_type type;
  };
  struct Form {
    uint64_t last, ip, payload;
    pt_ip_compression form;
    uint8_t size;
  };
  constexpr uint64_t kBase = 0x00007f1234567890ull;
  const std::array<Kind, 4> kinds = {
      Kind{kOpTip, ppt_tip}, {kOpTipPge, ppt_tip_pge}, {kOpTipPgd, ppt_tip_pgd}, {kOpFup, ppt_fup}};
  const std::array<Form, 10> forms = {
      Form{kBase, kBase, 0x7890, pt_ipc_update_16, 3},
      {kBase, kBase ^ 0x8001, 0xf891, pt_ipc_update_16, 3},
      {kBase, kBase ^ 0x10000, 0x34577890, pt_ipc_update_32, 5},
      {kBase, kBase ^ 0x80000000, 0xb4567890, pt_ipc_update_32, 5},
      {kBase, kBase ^ 0x100000000, 0x7f1334567890, pt_ipc_sext_48, 7},
      {0, 0x401136, 0x401136, pt_ipc_update_32, 5},
      {0, 0xffffffff81000000ull, 0xffff81000000ull, pt_ipc_sext_48, 7},
      {0xffffffff81000000ull, 0xffffffff81001234ull, 0x1234, pt_ipc_update_16, 3},
      {kBase, 0x0000812345678901ull, 0x0000812345678901ull, pt_ipc_full, 9},
      {kBase, 0x1234567890abcdefull, 0x1234567890abcdefull, pt_ipc_full, 9},
  };
  for (const Kind& kind : kinds)
    for (const Form& form : forms) {
      INFO("opcode " << int(kind.op) << " ip " << std::hex << form.ip << " after " << form.last);
      const pt_packet p = single([&](PtWriter& w) { put_ip(w, kind.op, form.ip); }, form.last);
      CHECK(p.type == kind.type);
      CHECK(p.payload.ip.ipc == form.form);
      CHECK(p.size == form.size);
      CHECK(p.payload.ip.ip == form.payload);
    }
}

TEST_CASE("An IP becomes the base of the next one") {
  Ring ring;
  put_ip(ring.writer, kOpTip, 0x7f0000001000);
  put_ip(ring.writer, kOpTip, 0x7f0000001004);
  const auto packets = packets_of(ring.bytes());
  REQUIRE(packets.size() == 2);
  REQUIRE(packets[1].payload.ip.ipc == pt_ipc_update_16);
}

TEST_CASE("A full IP is never an update of the last one") {
  for (const uint64_t ip : {0x401136ull, 0x7f0000001000ull, 0xffffffff81000000ull}) {
    const pt_packet p = single([&](PtWriter& w) { put_full_ip(w, kOpFup, ip); }, ip);
    REQUIRE(p.payload.ip.ipc == pt_ipc_sext_48);
    REQUIRE(p.payload.ip.ip == (ip & 0xffffffffffffull));
  }
  const pt_packet p = single([](PtWriter& w) { put_full_ip(w, kOpTip, 0x1234567890abcdefull); });
  REQUIRE(p.payload.ip.ipc == pt_ipc_full);
}

TEST_CASE("PGD suppresses its IP and keeps the base") {
  const pt_packet p = single(
      [](PtWriter& w) {
        put_pgd(w);
        REQUIRE(w.last_ip == 0x401000);
      },
      0x401000);
  REQUIRE(p.type == ppt_tip_pgd);
  REQUIRE(p.payload.ip.ipc == pt_ipc_suppressed);
  REQUIRE(p.size == 1);
}

TEST_CASE("TSC keeps 56 bits") {
  for (const uint64_t tsc : {uint64_t{0}, uint64_t{1}, uint64_t{0x00123456789abcde}, ~uint64_t{0}}) {
    const pt_packet p = single([&](PtWriter& w) { put_tsc(w, tsc); });
    REQUIRE(p.type == ppt_tsc);
    REQUIRE(p.payload.tsc.tsc == (tsc & 0x00ffffffffffffffull));
    REQUIRE(p.size == 8);
  }
}

TEST_CASE("CBR holds the ratio") {
  const pt_packet p = single([](PtWriter& w) { put_cbr(w, 42); });
  REQUIRE(p.type == ppt_cbr);
  REQUIRE(p.payload.cbr.ratio == 42);
}

TEST_CASE("MODE.Exec says 64-bit code") {
  const pt_packet p = single([](PtWriter& w) { put_mode_exec64(w); });
  REQUIRE(p.type == ppt_mode);
  REQUIRE(p.payload.mode.leaf == pt_mol_exec);
  REQUIRE(pt_get_exec_mode(&p.payload.mode.bits.exec) == ptem_64bit);
}

TEST_CASE("OVF is an overflow packet") {
  REQUIRE(single([](PtWriter& w) { put_ovf(w); }).type == ppt_ovf);
}

TEST_CASE("PSB+ while trace is on: TSC, CBR, MODE.Exec, a full FUP, PSBEND") {
  Ring ring;
  ring.writer.last_ip = 0x401000;
  put_psb_plus(ring.writer, 0x1234, true, 9, 0x401136);
  const auto packets = packets_of(ring.bytes());
  const std::vector<pt_packet_type> wanted = {ppt_psb, ppt_tsc, ppt_cbr, ppt_mode, ppt_fup, ppt_psbend};
  REQUIRE(types_of(packets) == wanted);
  REQUIRE(packets[1].payload.tsc.tsc == 0x1234);
  REQUIRE(packets[2].payload.cbr.ratio == 9);
  REQUIRE(packets[4].payload.ip.ipc == pt_ipc_sext_48);
  REQUIRE(packets[4].payload.ip.ip == 0x401136);
  REQUIRE(ring.writer.pos <= 41);
}

TEST_CASE("PSB+ while trace is off has no FUP and forgets the last IP") {
  Ring ring;
  ring.writer.last_ip = 0x401000;
  put_psb_plus(ring.writer, 1, true, 9, 0);
  put_ip(ring.writer, kOpTipPge, 0x401002);
  const auto packets = packets_of(ring.bytes());
  const std::vector<pt_packet_type> wanted = {ppt_psb, ppt_tsc, ppt_cbr, ppt_mode, ppt_psbend, ppt_tip_pge};
  REQUIRE(types_of(packets) == wanted);
  REQUIRE(packets.back().payload.ip.ipc == pt_ipc_update_32);
}

TEST_CASE("PSB+ leaves out the TSC where the plan does") {
  Ring ring;
  put_psb_plus(ring.writer, 1, false, 9, 0x401000);
  const std::vector<pt_packet_type> wanted = {ppt_psb, ppt_cbr, ppt_mode, ppt_fup, ppt_psbend};
  REQUIRE(types_of(packets_of(ring.bytes())) == wanted);
}

TEST_CASE("PSB+ writes the pending TNT bits first") {
  Ring ring;
  add_tnt(ring.writer, true);
  put_psb_plus(ring.writer, 1, false, 9, 0);
  const auto packets = packets_of(ring.bytes());
  REQUIRE(packets[0].type == ppt_tnt_8);
  REQUIRE(packets[1].type == ppt_psb);
}

TEST_CASE("Packets go on over the ring's end") {
  for (uint64_t before = 1; before <= 41; ++before) {
    Ring ring;
    ring.writer.pos = Ring::kSize - before;
    const uint64_t from = ring.writer.pos;
    put_psb_plus(ring.writer, 0x00abcdef01234567, true, 7, 0x7f0000001000);
    put_ip(ring.writer, kOpTip, 0x7f0100001000);
    const auto packets = packets_of(ring.bytes(from));
    REQUIRE(packets.size() == 7);
    REQUIRE(packets[1].payload.tsc.tsc == 0x00abcdef01234567);
    REQUIRE(packets[4].payload.ip.ip == 0x7f0000001000);
    REQUIRE(packets[6].payload.ip.ip == 0x7f0100001000);
  }
}

TEST_CASE("No single packet is larger than the margin that the owner keeps free") {
  Ring ring;
  put_psb_plus(ring.writer, ~0ull, true, 255, 0x1234567890abcdefull);
  put_ip(ring.writer, kOpTip, ~0x1234567890abcdefull);
  REQUIRE(ring.writer.pos <= tracectl::kWriteMargin);
}
