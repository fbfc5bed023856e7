// SPDX-License-Identifier: MIT
#include "profile/llvm_prof.hpp"

#include <catch2/catch.hpp>

#include "decode/call_test.hpp"

using namespace tracectl;
using namespace tracectl::profile;
using decode::InlineFrame;
using decode::InlineStacks;

namespace {

constexpr uint32_t kNone = InlineFrame::kNone;

bool no_call(uint64_t) { return false; }

// f at line 10 is 0x100..0x120; g, declared at line 50, is inlined into it on line 13.
InlineStacks two_functions() {
  InlineStacks code;
  code.frames = {{"f", 10, kNone, 0, 0}, {"g", 50, 0, 13, 2}};
  code.spans = {{0x100, 0x108, 0, 11, 0}, {0x108, 0x110, 1, 52, 0}, {0x110, 0x118, 1, 0, 0}, {0x118, 0x120, 0, 11, 4}};
  code.entries = {{0x100, 0}};
  return code;
}

std::string text(const Profile& profile, const InlineStacks& code, const IsCall& is_call = no_call) {
  return to_llvm_text(sample_lines(profile, code, is_call));
}

}  // namespace

TEST_CASE("an address has the sum of its ranges, a line the largest of its addresses") {
  Profile profile;
  profile.ranges = {{{0x100, 0x10b}, 3}, {{0x104, 0x107}, 4}};
  // 0x100..0x103: 3, ..0x107: 7, ..0x10b: 3. Line 0 of g and the last line: not executed.
  CHECK(text(profile, two_functions()) == "f:52:3\n 1: 7\n 1.2: 0\n 3.1: g:12\n  2: 3\n  65486: 0\n");
}

TEST_CASE("code of line 0 has a place of its own, and counts as of no line") {
  Profile profile;
  profile.ranges = {{{0x110, 0x117}, 5}};
  const auto samples = sample_lines(profile, two_functions(), no_call);
  CHECK(samples.executed == 40);
  CHECK(samples.lineless == 40);
  CHECK(samples.placed == 0);
  CHECK(to_llvm_text(samples) == "f:40:0\n 1: 0\n 1.2: 0\n 3.1: g:40\n  2: 0\n  65486: 5\n");
}

TEST_CASE("executed code outside of every function is no function's") {
  Profile profile;
  profile.ranges = {{{0x90, 0x97}, 2}, {{0x11c, 0x127}, 1}};
  const auto samples = sample_lines(profile, two_functions(), no_call);
  CHECK(samples.executed == 28);
  CHECK(samples.placed == 4);
  CHECK(samples.lineless == 0);
}

TEST_CASE("a factor in the discriminator gives back what unrolling divided") {
  InlineStacks code = two_functions();
  code.spans[0].discriminator = 4 << 7 | 2;  // base 1, factor 2
  Profile profile;
  profile.ranges = {{{0x100, 0x107}, 3}};
  CHECK(text(profile, code).find("\n 1.1: 6\n") != std::string::npos);
  code.flow_sensitive = true;
  CHECK(text(profile, code).find("\n 1.514: 3\n") != std::string::npos);
}

TEST_CASE("branches to a function's entry") {
  InlineStacks code = two_functions();
  code.frames.push_back({"h", 90, kNone, 0, 0});
  code.spans.push_back({0x200, 0x204, 2, 91, 0});
  code.entries[0x200] = 2;
  Profile profile;
  // h calls f thrice; something outside calls it once; f's last instruction goes back to its first twice.
  profile.ranges = {{{0x100, 0x11c}, 6}, {{0x200, 0x200}, 3}};
  profile.branches = {{{0x11c, 0x100}, 2}, {{0x200, 0x100}, 3}, {{0x200, 0x104}, 9}};
  SECTION("a jump within the function is a loop") {
    const std::string out = text(profile, code);
    CHECK(out.find("f:174:4\n") == 0);
    CHECK(out.find("h:3:3\n 1: 3 f:3\n") != std::string::npos);
    CHECK(out.find(" 1.2: 6\n") != std::string::npos);
  }
  SECTION("a call within the function is recursion") {
    const std::string out = text(profile, code, [](uint64_t at) { return at == 0x11c; });
    CHECK(out.find("f:174:6\n") == 0);
    CHECK(out.find(" 1.2: 6 f:2\n") != std::string::npos);
  }
}

TEST_CASE("copies of a function add up, the largest function comes first, equal ones by name") {
  InlineStacks code;
  code.frames = {{"b", 1, kNone, 0, 0}, {"a", 1, kNone, 0, 0}, {"big", 1, kNone, 0, 0}, {"a.llvm.77", 1, kNone, 0, 0}};
  code.spans = {{0x10, 0x14, 0, 2, 0}, {0x20, 0x24, 1, 2, 0}, {0x30, 0x34, 2, 2, 0}, {0x40, 0x44, 3, 2, 0}};
  code.entries = {{0x10, 0}, {0x20, 1}, {0x30, 2}, {0x40, 3}};
  Profile profile;
  profile.ranges = {{{0x10, 0x13}, 5}, {{0x20, 0x23}, 2}, {{0x30, 0x33}, 9}, {{0x40, 0x43}, 3}};
  CHECK(text(profile, code) == "big:36:9\n 1: 9\na:20:5\n 1: 5\nb:20:5\n 1: 5\n");
}

TEST_CASE("what has no place is left out") {
  InlineStacks code = two_functions();
  Profile profile;
  profile.ranges = {{{0x100, 0x11f}, 1}};
  SECTION("a call of line 0 has a place, too") {
    code.frames[1].call_line = 0;
    CHECK(text(profile, code) == "f:32:1\n 1: 1\n 1.2: 1\n 65526.1: g:16\n  2: 1\n  65486: 1\n");
  }
  SECTION("a function whose declaration is not told") {
    code.frames[0].decl_line = 0;
    CHECK(sample_lines(profile, code, no_call).functions.empty());
    CHECK(sample_lines(profile, code, no_call).lineless == 32);
  }
  SECTION("lines in front of the declaration wrap, as the compiler has them") {
    code.frames[0].decl_line = 12;
    CHECK(text(profile, code).find("\n 65535: 1\n") != std::string::npos);
  }
}

TEST_CASE("counts stop at the largest number") {
  Profile profile;
  profile.ranges = {{{0x100, 0x107}, ~uint64_t{0}}, {{0x100, 0x106}, 7}};
  CHECK(text(profile, two_functions()).find("f:18446744073709551615:18446744073709551615\n 1: 18446744073709551615\n") == 0);
}

TEST_CASE("targets by count, then by name") {
  SampledFunctions samples;
  samples.functions["f"].lines[{1, 0}] = {9, {{"b", 2}, {"a", 2}, {"c", 5}}};
  CHECK(to_llvm_text(samples) == "f:0:0\n 1: 9 c:5 a:2 b:2\n");
}

// (base, factor, copy) as DILocation::encodeDiscriminator of LLVM 14 puts them together.
TEST_CASE("discriminators come apart") {
  const auto is = [](uint32_t value, uint32_t base, uint32_t factor) {
    const Discriminator d = split_discriminator(value);
    return d.base == base && d.factor == factor;
  };
  CHECK(is(0, 0, 1));
  CHECK(is(2, 1, 1));      // (1, 0, 0)
  CHECK(is(0x3e, 31, 1));  // (31, 0, 0)
  CHECK(is(0xc0, 32, 1));  // (32, 0, 0): two groups of bits
  CHECK(is(9, 0, 2));      // (0, 2, 0): one bit says that there is no base
  CHECK(is(2 | 4 << 7, 1, 2));
  CHECK(is(0xc0 | 6 << 14, 32, 3));
}

TEST_CASE("names without what compilers append") {
  CHECK(source_name("f") == "f");
  CHECK(source_name("f.llvm.1234") == "f");
  CHECK(source_name("f.part.0.isra.3") == "f");
  CHECK(source_name("f.cold") == "f");
  CHECK(source_name("f.cold.1") == "f");
  CHECK(source_name("f.lto_priv.0") == "f");
  CHECK(source_name("_ZL1fi.__uniq.77") == "_ZL1fi.__uniq.77");
  CHECK(source_name("_ZL1fi.__uniq.77.llvm.8") == "_ZL1fi.__uniq.77");
  CHECK(source_name("f.constprop.0") == "f.constprop.0");
  CHECK(source_name(".hidden") == ".hidden");
  CHECK(source_name(".cold") == ".cold");
}

TEST_CASE("calls by their bytes") {
  const auto x86 = [](std::vector<uint8_t> bytes) { return decode::is_call(62, bytes); };
  CHECK(x86({0xe8, 1, 2, 3, 4}));
  CHECK(x86({0xff, 0xd0}));              // call *%rax
  CHECK(x86({0x41, 0xff, 0x14, 0x24}));  // call *(%r12)
  CHECK(x86({0x3e, 0xff, 0xd0}));
  CHECK_FALSE(x86({0xff, 0xe0}));  // jmp *%rax
  CHECK_FALSE(x86({0xff}));
  CHECK_FALSE(x86({0xeb, 0xfe}));
  CHECK_FALSE(x86({}));
  const auto arm = [](uint32_t word) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&word);
    return decode::is_call(183, {bytes, sizeof word});
  };
  CHECK(arm(0x97fffff0));        // bl
  CHECK(arm(0xd63f0100));        // blr x8
  CHECK(arm(0xd73f0901));        // blraa x8, x1
  CHECK(arm(0xd63f091f));        // blraaz x8
  CHECK_FALSE(arm(0x17fffff0));  // b
  CHECK_FALSE(arm(0xd61f0100));  // br x8
  CHECK_FALSE(arm(0xd65f03c0));  // ret
  CHECK_FALSE(decode::is_call(8, std::vector<uint8_t>{0xe8, 0, 0, 0, 0}));
}

TEST_CASE("a binary without debug information says so") {
  Profile profile;
  profile.path = "/nowhere/at/all";
  profile.ranges = {{{0, 1}, 1}};
  CHECK(to_llvm_prof(profile).error().what.find("cannot open /nowhere/at/all") == 0);
}
