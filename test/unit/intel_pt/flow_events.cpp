// SPDX-License-Identifier: MIT
// The flow decoder on every kind of event: libipt's items, and nothing of a sound trace left to libipt.
#include <algorithm>
#include <random>
#include <set>

#include "test/unit/intel_pt/decoding.hpp"

using namespace decoding;

namespace {

constexpr uint64_t kBase = 0x402000, kCr3 = kBase, kNop = kBase + 3, kPtwrite = kBase + 4, kVmptrld = kBase + 9,
                   kLoop = kBase + 0xd, kIret = kBase + 0xf, kJump = kBase + 0x11;
// 0: mov cr3, rax · 3: nop · 4: ptwrite rax · 9: vmptrld [rax] · c: nop · d: jz 0 · f: iretq · 11: jmp 0 · 13: call rax ·
// 15: ret
constexpr unsigned char kCode[] = {0x0f, 0x22, 0xd8, 0x90, 0xf3, 0x48, 0x0f, 0xae, 0xe0, 0x0f, 0xc7,
                                   0x30, 0x90, 0x74, 0xf1, 0x48, 0xcf, 0xeb, 0xed, 0xff, 0xd0, 0xc3};

const ImageTimeline& image() {
  static const CodeFile file(kCode);
  static const ImageTimeline out = image_of(file.path(), kBase, sizeof kCode);
  return out;
}

pt_packet packet(pt_packet_type type) {
  pt_packet p{};
  p.type = type;
  return p;
}
pt_packet tsx(bool inside, bool abort) {
  pt_packet p = packet(ppt_mode);
  p.payload.mode.leaf = pt_mol_tsx;
  p.payload.mode.bits.tsx.intx = inside ? 1 : 0;
  p.payload.mode.bits.tsx.abrt = abort ? 1 : 0;
  return p;
}
pt_packet ptw(bool with_ip) {
  pt_packet p = packet(ppt_ptw);
  p.payload.ptw.plc = 1;
  p.payload.ptw.ip = with_ip ? 1 : 0;
  return p;
}
pt_packet exstop(bool with_ip) {
  pt_packet p = packet(ppt_exstop);
  p.payload.exstop.ip = with_ip ? 1 : 0;
  return p;
}
pt_packet cbr(uint8_t ratio) {
  pt_packet p = packet(ppt_cbr);
  p.payload.cbr.ratio = ratio;
  return p;
}
pt_packet mtc(uint8_t ctc) {
  pt_packet p = packet(ppt_mtc);
  p.payload.mtc.ctc = ctc;
  return p;
}
pt_packet cyc(uint64_t cycles) {
  pt_packet p = packet(ppt_cyc);
  p.payload.cyc.value = cycles;
  return p;
}
pt_packet tma(uint16_t ctc, uint16_t fast) {
  pt_packet p = packet(ppt_tma);
  p.payload.tma.ctc = ctc;
  p.payload.tma.fc = fast;
  return p;
}

// MTC and CYC packets: time between branches.
const capture::AuxInfo kFine{1, {8, 0, 1, 0, 1, 1 << 10, 1 << 11, 0, 0, 0, 1 << 9, 0xf << 14, 308, 2, 2, 37}};
constexpr uint64_t kFineConfig = 1 << 9 | 3 << 14 | 2;

// Of a sound trace: its items, and none by libipt.
Log sound(const Trace& t, bool fine = false) {
  Log log = decode_all(t.bytes(), image(), fine ? kFine : emulated_info(), {}, fine ? kFineConfig : 0);
  CHECK(log.losses.empty());
  CHECK(log.by_libipt == 0);
  return log;
}

size_t count(const Log& log, Event::Kind kind) {
  return static_cast<size_t>(
      std::count_if(log.events.begin(), log.events.end(), [kind](const Event& e) { return e.kind == kind; }));
}

}  // namespace

TEST_CASE("an overflow goes on at its FUP, or at the TIP.PGE behind it") {
  Trace t;
  t.psb(100, kBase).tnt("!").plain(ppt_ovf).tsc(300).ip(ppt_fup, kVmptrld).tnt(".").ip(ppt_tip, kBase);
  t.plain(ppt_ovf).tsc(400).ip(ppt_tip_pge, kNop).tnt("!").ip(ppt_tip_pgd, 0);
  const Log log = sound(t);
  CHECK(count(log, Event::Kind::overflow) == 2);
  CHECK(log.insns == 6 + 4 + 5 + 1);
}

TEST_CASE("an overflow ends a PSB+") {
  Trace t;
  t.psb(100, kBase).plain(ppt_psb).tsc(200).mode64().plain(ppt_ovf).ip(ppt_fup, kNop).tnt(".").ip(ppt_tip_pgd, 0);
  CHECK(count(sound(t), Event::Kind::overflow) == 1);
}

TEST_CASE("transactions begin, end and are aborted") {
  Trace t;
  t.psb(100, kBase).put(tsx(true, false)).ip(ppt_fup, kNop).put(tsx(false, false)).ip(ppt_fup, kVmptrld).tnt("!");
  t.put(tsx(true, false)).ip(ppt_fup, kNop).put(tsx(false, true)).ip(ppt_fup, kVmptrld).ip(ppt_tip, kBase).tnt("!");
  t.ip(ppt_tip_pgd, 0).put(tsx(false, false));
  const Log log = sound(t);
  CHECK(count(log, Event::Kind::async_branch) == 1);
  CHECK(count(log, Event::Kind::other) == 5);
}

TEST_CASE("a PTWRITE belongs to its instruction, whether its address is told or not") {
  Trace t;
  t.psb(100, kBase).put(ptw(false)).tnt("!").put(ptw(true)).ip(ppt_fup, kPtwrite).tnt("!").ip(ppt_tip_pgd, 0);
  t.put(ptw(false));
  CHECK(count(sound(t), Event::Kind::other) == 3);
}

TEST_CASE("address spaces change at an instruction, at a far branch, or with an interrupt") {
  Trace t;
  t.psb(100, kBase).plain(ppt_pip).tnt("!").plain(ppt_pip).plain(ppt_vmcs).tnt(".");
  t.plain(ppt_pip).plain(ppt_vmcs).ip(ppt_tip, kNop);
  t.ip(ppt_fup, kVmptrld).plain(ppt_pip).plain(ppt_vmcs).ip(ppt_tip, kBase).plain(ppt_pip).tnt("!");
  t.plain(ppt_pip).ip(ppt_tip_pgd, 0).plain(ppt_pip).plain(ppt_vmcs).ip(ppt_tip_pge, kVmptrld).plain(ppt_vmcs).tnt("!");
  const Log log = sound(t);
  CHECK(count(log, Event::Kind::other) == 12);
}

TEST_CASE("a trace that stops where CR3 is written, or behind a branch") {
  Trace t;
  t.psb(100, kBase).ip(ppt_tip_pgd, 0).tsc(200).ip(ppt_tip_pge, kNop).tnt(".").ip(ppt_tip_pgd, 0);
  t.tsc(300).ip(ppt_tip_pge, kCr3).plain(ppt_pip).ip(ppt_tip_pgd, 0);
  const Log log = sound(t);
  CHECK(count(log, Event::Kind::disabled) == 3);
}

TEST_CASE("waits, power states, maintenance and TraceStop are events where the walk stands") {
  Trace t;
  t.psb(100, kBase).put(exstop(true)).ip(ppt_fup, kNop).plain(ppt_mwait).ip(ppt_fup, kVmptrld).plain(ppt_pwre);
  t.put(exstop(false)).plain(ppt_pwrx).put(cbr(20)).plain(ppt_mnt).tnt("!").ip(ppt_tip_pgd, 0).plain(ppt_stop);
  t.put(exstop(true)).ip(ppt_fup, kNop).plain(ppt_pwre).plain(ppt_pwrx).tsc(200).ip(ppt_tip_pge, kVmptrld).tnt("!");
  t.plain(ppt_psb).tsc(300).mode64().plain(ppt_mnt).plain(ppt_vmcs).put(cbr(30)).ip(ppt_fup, kBase).plain(ppt_psbend);
  CHECK(count(sound(t), Event::Kind::other) == 12);
}

TEST_CASE("time moves from bit to bit with MTC and CYC") {
  Trace t;
  t.plain(ppt_psb).tsc(1000).put(tma(0x40, 7)).put(cbr(37)).mode64().ip(ppt_fup, kBase).plain(ppt_psbend);
  t.tnt("!").put(cyc(20)).tnt("!!").put(mtc(9)).tnt("!").put(cyc(300)).put(mtc(10)).tnt("!.").put(cyc(9));
  t.ip(ppt_tip, kCr3).put(cyc(5)).plain(ppt_pip).tnt(".").put(cyc(70)).ip(ppt_tip, kBase).put(mtc(11)).tnt("!");
  // Where the far branch waits for its events, the time is of the TIP behind.
  t.tnt(".").put(cyc(5)).plain(ppt_pip).put(cyc(70)).ip(ppt_tip, kBase).put(cyc(50)).tnt("!").put(cyc(3)).ip(ppt_tip_pgd, 0);
  const Log log = sound(t, true);
  const std::set<uint64_t> times(log.times.begin(), log.times.end());
  CHECK(times.size() > 8);
}

TEST_CASE("a PSB+ that does not tell the mode is no place to begin at") {
  Trace t;
  t.psb(100, kBase).tnt("!").plain(ppt_psb).tsc(200).ip(ppt_fup, kBase).put(cbr(9)).plain(ppt_psbend).tnt("!!");
  t.ip(ppt_tip, kBase);  // no indirect branch here: an error
  const Log log = decode_all(t.bytes(), image());
  REQUIRE(log.losses.size() == 1);
  CHECK(log.losses[0].what.find("mode") == std::string::npos);
  CHECK(log.insns == 3 * 6 + 6);
}

TEST_CASE("a trace that goes on behind a UD1, which none does, is left to libipt") {
  // 0: nop · 1: ud1 rdi, [edx] · 6: mov [rsp+4], r8d · b: jz 0
  static constexpr unsigned char kTrap[] = {0x90, 0x67, 0x48, 0x0f, 0xb9, 0x3a, 0x44, 0x89, 0x44, 0x24, 0x04, 0x74, 0xf3};
  const CodeFile file(kTrap);
  const ImageTimeline trap = image_of(file.path(), kBase, sizeof kTrap);
  Trace t;
  t.psb(100, kBase).ip(ppt_fup, kBase + 1).ip(ppt_tip, kBase + 6).tnt("!");
  CHECK(decode_all(t.bytes(), trap).by_libipt == 0);
  t.tnt("!").ip(ppt_tip_pgd, 0);
  CHECK(decode_all(t.bytes(), trap).by_libipt == 1);
}

// Rows of packets, sound as far as chance has it.
TEST_CASE("both decoders tell the same of any row of packets") {
  std::mt19937_64 random(11);
  static constexpr uint64_t kPlaces[] = {kCr3, kNop, kPtwrite, kVmptrld, kLoop, kIret, kJump, kBase + 0x13, kBase + 0x15};
  const auto place = [&random] { return kPlaces[random() % std::size(kPlaces)]; };
  uint64_t insns = 0, losses = 0, segments = 0;
  for (int round = 0; round < 1500; ++round) {
    Trace t;
    t.psb(100, random() % 4 == 0 ? 0 : place());
    for (auto n = 2 + random() % 24; n != 0; --n) {
      static constexpr pt_packet_type kPlain[] = {ppt_ovf,  ppt_pip,  ppt_vmcs, ppt_mnt,
                                                  ppt_pwre, ppt_pwrx, ppt_stop, ppt_pad};
      switch (random() % 20) {
        case 0:
          t.plain(kPlain[random() % std::size(kPlain)]);
          break;
        case 1:
          t.plain(ppt_pip);
          break;
        case 2:
          t.plain(ppt_ovf).ip(ppt_fup, place());
          break;
        case 3:
          t.put(tsx(random() % 2 != 0, random() % 2 != 0)).ip(ppt_fup, place());
          break;
        case 4:
          t.put(ptw(false));
          break;
        case 5:
          t.put(ptw(true)).ip(ppt_fup, kPtwrite);
          break;
        case 6:
          t.put(exstop(random() % 2 != 0));
          break;
        case 7:
          t.plain(ppt_mwait).ip(ppt_fup, place());
          break;
        case 8:
          t.ip(ppt_fup, place()).plain(random() % 2 != 0 ? ppt_pip : ppt_pad).ip(ppt_tip, place());
          break;
        case 9:
          t.ip(ppt_tip_pgd, random() % 2 != 0 ? 0 : place());
          break;
        case 10:
          t.tsc(200 + random() % 100).mode64().ip(ppt_tip_pge, place());
          break;
        case 11:
          t.put(random() % 2 != 0 ? mtc(static_cast<uint8_t>(random())) : cbr(static_cast<uint8_t>(random() % 40)));
          break;
        case 12:
        case 13:
          t.put(cyc(random() % 500));
          break;
        case 14:
          t.psb(300 + random() % 100, random() % 4 == 0 ? 0 : place());
          break;
        case 15:
          t.tsc(500).put(tma(static_cast<uint16_t>(random()), 3));
          break;
        case 16:
          t.ip(ppt_tip, place());
          break;
        default:
          t.tnt(random() % 2 != 0 ? "!" : random() % 2 != 0 ? "." : "!.");
      }
    }
    static constexpr const char* kCpus[] = {"",
                                            "GenuineIntel,6,61,4",
                                            "GenuineIntel,6,78,3",
                                            "GenuineIntel,6,85,4",
                                            "GenuineIntel,6,92,9",
                                            "GenuineIntel,6,122,1"};
    const bool fine = random() % 2 != 0;
    INFO("round " << round);
    const Log log = decode_all(t.bytes(), image(), fine ? kFine : emulated_info(), kCpus[random() % std::size(kCpus)],
                               fine ? kFineConfig : 0);
    insns += log.insns;
    losses += log.losses.size();
    segments += log.by_libipt;
  }
  CHECK(insns > 4000);
  CHECK(losses > 500);
  CHECK(segments > 500);
}
