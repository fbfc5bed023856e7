// SPDX-License-Identifier: MIT
// The decoder on packets made with libipt's own encoder, and on traces of real hardware.
#include "backends/intel_pt/decoder.hpp"

#include <cstdlib>

#include "test/flow/damage.hpp"
#include "test/unit/intel_pt/decoding.hpp"

using namespace decoding;

namespace {

constexpr uint64_t kBase = 0x401000;
// 0: nop · 1: jz 5 · 3: nop, nop · 5: call 0x10 · a: syscall · c: jmp 0 · 10: ret
constexpr unsigned char kCode[] = {0x90, 0x74, 0x02, 0x90, 0x90, 0xe8, 0x06, 0,   0,
                                   0,    0x0f, 0x05, 0xeb, 0xf2, 0xcc, 0xcc, 0xc3};

std::string code_file() {
  static const CodeFile file(kCode);
  return file.path();
}

ImageTimeline test_image() { return image_of(code_file(), kBase, sizeof kCode); }

// One pass through the code from its first instruction to the system call.
void pass(Trace& t, uint64_t time, const char* bits) {
  t.tsc(time).ip(ppt_tip_pge, kBase).tnt(bits).ip(ppt_tip, kBase + 0xa).ip(ppt_tip_pgd, 0);
}

std::string shared(const std::string& name) {
  const char* given = std::getenv("TRACECTL_SHARED");
  const std::string root = given != nullptr ? given : TRACECTL_SOURCE_DIR "/../shared";
  const std::string path = root + "/data/intel_pt/" + name;
  if (std::filesystem::exists(path)) return path;
  WARN("skipped: no " << path);
  return {};
}

std::vector<std::byte> contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

// Some variants with faults: both decoders must still agree.
void damaged(const std::vector<std::byte>& trace, const ImageTimeline& images, const capture::AuxInfo& info,
             const std::string& cpuid, uint64_t config = 0) {
  std::mt19937_64 random(3);
  size_t losses = 0;
  constexpr int kVariants = 150;
  for (int variant = 0; variant < kVariants; ++variant) {
    INFO("variant " << variant);
    auto bytes = trace;
    for (auto faults = 1 + random() % 3; faults != 0; --faults) flow::damage(bytes, random);
    losses += decode_all(bytes, images, info, cpuid, config).losses.size();
  }
  CHECK(losses > kVariants / 10);
}

}  // namespace

TEST_CASE("blocks say what their last instruction is and where it went") {
  Trace t;
  t.psb(100);
  pass(t, 200, "!");
  const Log log = decode_all(t.bytes(), test_image());
  REQUIRE(log.losses.empty());
  REQUIRE(log.blocks.size() == 4);
  CHECK((log.blocks[0].kind == BranchKind::cond && log.blocks[0].taken && log.blocks[0].to == kBase + 5));
  CHECK((log.blocks[1].kind == BranchKind::call && log.blocks[1].taken && log.blocks[1].to == kBase + 0x10));
  CHECK((log.blocks[2].kind == BranchKind::ret && log.blocks[2].taken && log.blocks[2].to == kBase + 0xa));
  CHECK((log.blocks[3].kind == BranchKind::syscall && log.blocks[3].taken && log.blocks[3].to == 0));
  CHECK(log.insns == 5);
  CHECK(log.times == std::vector<uint64_t>(4, 200));
}

TEST_CASE("a trace without a PSB in front is decoded from its first packet, with an opening") {
  const auto images = test_image();
  Trace t, whole;
  t.mode64();  // the unit writes it whenever it switches on
  pass(t, 200, "!");
  whole.psb(100);
  pass(whole, 200, "!");
  const auto decoder = intel_pt::make_decoder(emulated_info(), {}, 0);
  CHECK(decoder->opening(whole.bytes()).empty());
  CHECK(decoder->opening({}).empty());
  const auto opening = decoder->opening(t.bytes());
  REQUIRE_FALSE(opening.empty());
  // Without it nothing is found.
  CHECK(decode_all(t.bytes(), images).blocks.empty());
  std::vector<std::byte> opened(opening.begin(), opening.end());
  const auto bytes = t.bytes();
  opened.insert(opened.end(), bytes.begin(), bytes.end());
  const Log log = decode_all(opened, images);
  CHECK(log.losses.empty());
  CHECK(log.insns == decode_all(whole.bytes(), images).insns);
  CHECK(log.insns > 0);
}

TEST_CASE("a branch not taken falls through") {
  Trace t;
  t.psb(100);
  pass(t, 200, ".");
  const Log log = decode_all(t.bytes(), test_image());
  REQUIRE(log.blocks.size() == 4);
  CHECK((log.blocks[0].kind == BranchKind::cond && !log.blocks[0].taken && log.blocks[0].to == kBase + 3));
  CHECK(log.insns == 7);
}

TEST_CASE("a compressed return goes back behind its call") {
  Trace t;
  t.psb(100).tsc(200).ip(ppt_tip_pge, kBase).tnt("!!").ip(ppt_tip_pgd, 0);
  const Log log = decode_all(t.bytes(), test_image());
  REQUIRE(log.losses.empty());
  REQUIRE(log.blocks.size() == 4);
  CHECK(log.blocks[2].to == kBase + 0xa);
}

TEST_CASE("a signal ends a block before the instruction that it hit") {
  Trace t;
  t.psb(100).tsc(200).ip(ppt_tip_pge, kBase).tnt("!").ip(ppt_fup, kBase + 0x10).ip(ppt_tip_pgd, 0);
  t.tsc(300).ip(ppt_tip_pge, kBase + 0x10);
  const Log log = decode_all(t.bytes(), test_image());
  REQUIRE(log.losses.empty());
  CHECK(log.insns == 3);
  CHECK(log.blocks.back().to == kBase + 0x10);
}

TEST_CASE("a flipped byte is one loss, and decoding goes on at the next PSB") {
  Trace t;
  t.psb(100);
  pass(t, 200, "!");
  const uint64_t second = t.size();
  t.psb(300);
  const uint64_t damage = t.size() + 8;  // the opcode behind the TSC packet
  pass(t, 400, "!");
  const uint64_t third = t.size();
  t.psb(500);
  pass(t, 600, ".");
  auto bytes = t.bytes();
  bytes[damage] = std::byte{0x05};
  const Log log = decode_all(bytes, test_image());
  REQUIRE(log.losses.size() == 1);
  CHECK(log.losses[0].kind == LossKind::undecodable);
  CHECK(log.losses[0].bytes > 0);
  CHECK(log.losses[0].bytes <= third - second);
  CHECK(log.insns == 5 + 7);
}

TEST_CASE("a trace cut anywhere decodes what it has and ends") {
  Trace t;
  t.psb(100);
  pass(t, 200, "!");
  const auto bytes = t.bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const Log log = decode_all({bytes.data(), size}, test_image());
    CHECK(log.insns <= 5);
    CHECK(log.losses.size() <= 1);
  }
}

TEST_CASE("a trace of only damage ends with one loss") {
  std::vector<std::byte> noise(5000);
  for (size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<std::byte>(i * 37 + i / 7);
  const Log log = decode_all(noise, test_image());
  CHECK(log.blocks.empty());
  CHECK(log.losses.size() == 1);
  CHECK(decode_all({}, test_image()).losses.empty());
}

TEST_CASE("code without an image is a loss for each sync point, not an end") {
  Trace t;
  t.psb(100);
  pass(t, 200, "!");
  t.psb(300);
  pass(t, 400, "!");
  const Log log = decode_all(t.bytes(), {});
  CHECK(log.losses.size() == 2);
  CHECK(log.losses[0].what.find("memory") != std::string::npos);
}

TEST_CASE("a mapping that replaces another counts from its own time") {
  const std::string file = code_file();
  ImageTimeline images = image_of(file, kBase, sizeof kCode);
  // The same place later holds other bytes: ret first.
  images.sections.push_back({350, kBase, 1, 0x10, file, file, ""});
  Trace t;
  t.psb(100);
  pass(t, 200, "!");
  t.tsc(400).ip(ppt_tip_pge, kBase).ip(ppt_tip, kBase + 0xa).ip(ppt_tip_pgd, 0);
  const Log log = decode_all(t.bytes(), images);
  REQUIRE(log.losses.empty());
  REQUIRE(log.blocks.size() == 6);
  CHECK(log.blocks[0].kind == BranchKind::cond);
  CHECK(log.blocks[4].kind == BranchKind::ret);
}

TEST_CASE("a sink that has enough stops the decoder") {
  Trace t;
  t.psb(100);
  for (int i = 0; i < 10; ++i) pass(t, 200 + static_cast<uint64_t>(i), "!");
  Log log;
  log.stop_after = 3;
  const ImageTimeline images = test_image();
  REQUIRE(
      intel_pt::make_decoder(emulated_info(), "")->decode({}, {t.bytes()}, std::vector<Turn>{{0, 0, 1, 1, &images}}, log));
  CHECK(log.blocks.size() == 3);
}

TEST_CASE("times are converted as AUXTRACE_INFO says") {
  Trace t;
  t.psb(1000);
  pass(t, 4096, "!");
  const auto decoder = intel_pt::make_decoder({1, {8, 10, 2048, 5000, 1}}, "");
  CHECK(decoder->start_time({}, t.bytes()) == 5000 + 1000 * 2);
  const Log log = decode_all(t.bytes(), test_image(), {1, {8, 10, 2048, 5000, 1}});
  REQUIRE_FALSE(log.times.empty());
  CHECK(log.times[0] == 5000 + 4096 * 2);
}

TEST_CASE("packets are listed by name with their payload") {
  Trace t;
  t.psb(0x64);
  pass(t, 0xc8, "!.!");
  std::string text;
  const auto decoder = intel_pt::make_decoder(emulated_info(), "");
  REQUIRE(decoder->packets({}, t.bytes(), [&text](const PacketText& p) {
    text += fmt::format("{:x} {} {}\n", p.offset, p.name, p.payload);
    return true;
  }));
  CHECK(text ==
        "0 psb \n10 tsc 64\n18 mode.exec 64-bit\n1a psbend \n1c tsc c8\n"
        "24 tip.pge 3:     000000401000\n2b tnt.8 !.!\n2c tip 3:     00000040100a\n33 tip.pgd 0\n");
}

TEST_CASE("a trace of one thread by real hardware has 21 instructions") {
  const std::string trace = shared("intelpt-trace/3842849.trace");
  if (trace.empty()) return;
  const std::string app = shared("intelpt-trace/a.out");
  const Log log = decode_all(contents(trace), image_of(app, 0x400000, 0x1000), {1, {}}, "GenuineIntel,6,79,1");
  CHECK(log.losses.empty());
  CHECK(log.by_libipt == 0);
  CHECK(log.insns == 21);
  damaged(contents(trace), image_of(app, 0x400000, 0x1000), {1, {}}, "GenuineIntel,6,79,1");
}

TEST_CASE("a trace by real hardware runs through three modules, and ends in one that was not kept") {
  const std::string trace = shared("intelpt-trace-multi-file/multi-file.trace");
  if (trace.empty()) return;
  ImageTimeline images = image_of(shared("intelpt-trace-multi-file/a.out"), 0x400000, 0x8a4);
  const std::string foo = shared("intelpt-trace-multi-file/libfoo.so"), bar = shared("intelpt-trace-multi-file/libbar.so");
  images.sections.push_back({0, 0x7ffff7bd9000, 0x794, 0, foo, foo, ""});
  images.sections.push_back({0, 0x7ffff79d7000, 0x73c, 0, bar, bar, ""});
  const Log log = decode_all(contents(trace), images, {1, {}}, "GenuineIntel,6,79,1");
  CHECK(log.insns == 45);
  REQUIRE(log.losses.size() == 1);
  CHECK(log.losses[0].what.find("memory") != std::string::npos);
  damaged(contents(trace), images, {1, {}}, "GenuineIntel,6,79,1");
}

TEST_CASE("a trace with MTC and CYC packets by real hardware has 8 instructions") {
  const std::string trace = shared("dynamorio/test_simple.raw/pt.bin");
  if (trace.empty()) return;
  const std::string app = shared("dynamorio/test_simple.raw/hello");
  // MTC bit, its period's bits, the CTC ratio, the CYC bit and the non-turbo ratio, as the recording machine had them.
  const capture::AuxInfo info{
      1, {8, 31, 581029125, 18444502336406842448u, 1, 1 << 10, 1 << 11, 0, 0, 0, 1 << 9, 0xf << 14, 308, 2, 2, 37}};
  const uint64_t config = 1 << 9 | 3 << 14 | 2;
  const Log log = decode_all(contents(trace), image_of(app, 0x401000, 0x27, 0x1000), info, "GenuineIntel,6,85,4", config);
  CHECK(log.losses.empty());
  CHECK(log.by_libipt == 0);
  CHECK(log.insns == 8);
  CHECK(log.blocks.front().ip == 0x401000);
  damaged(contents(trace), image_of(app, 0x401000, 0x27, 0x1000), info, "GenuineIntel,6,85,4", config);
}
