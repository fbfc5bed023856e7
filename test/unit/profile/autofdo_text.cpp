// SPDX-License-Identifier: MIT
#include "profile/autofdo_text.hpp"

#include <catch2/catch.hpp>

using namespace tracectl;
using namespace tracectl::profile;

namespace {

Profile of_two_branches() {
  Profile out{"/x/prog", "aa", {}, {}};
  out.ranges = {{{0x10, 0x13}, 4}, {{0x14, 0x15}, 1}};
  out.branches = {{{0x13, 0x10}, 3}};
  return out;
}

std::string why(std::string_view text) { return parse_autofdo_text(text, "p.txt").error().what; }

}  // namespace

TEST_CASE("a profile as text is what it was, read back") {
  const Profile profile = of_two_branches();
  const std::string text = to_autofdo_text(profile);
  CHECK(text == "2\n10-13:4\n14-15:1\n0\n1\n13->10:3\n// build_id: 0xaa\n// /x/prog\n");
  const auto back = parse_autofdo_text(text, "p.txt");
  REQUIRE(back);
  CHECK(back->ranges == profile.ranges);
  CHECK(back->branches == profile.branches);
  CHECK(back->build_id == "aa");
  CHECK(back->path == "/x/prog");
}

TEST_CASE("addresses are ranges of one instruction, and what is told twice adds up") {
  const auto profile = parse_autofdo_text("1\n10-13:4\n2\n20:7\n20:1\n0\n", "p.txt");
  REQUIRE(profile);
  CHECK(profile->ranges == std::map<Profile::Pair, uint64_t>{{{0x10, 0x13}, 4}, {{0x20, 0x20}, 8}});
  CHECK(profile->path.empty());
}

TEST_CASE("what is no profile says where") {
  CHECK(why("").find("p.txt:1: ") == 0);
  CHECK(why("1\n10-13\n0\n0\n").find("p.txt:2: ") == 0);
  CHECK(why("1\n10-13:4x\n0\n0\n").find("p.txt:2: ") == 0);
  CHECK(why("0\n0\n1\n10-13:4\n").find("FROM->TO:COUNT") != std::string::npos);
  CHECK(why("0\n0\n0\nhello\n").find("p.txt:4: ") == 0);
  CHECK(why("2\n10-13:4\n").find("p.txt:3: ") == 0);
  CHECK(why("18446744073709551616\n").find("p.txt:1: ") == 0);
}

TEST_CASE("profiles add up, and counts stop at the largest number") {
  Profile all = of_two_branches();
  Profile more = of_two_branches();
  more.ranges[{0x10, 0x13}] = ~uint64_t{0} - 1;
  more.ranges[{0x30, 0x31}] = 5;
  all.add(more);
  CHECK(all.ranges == std::map<Profile::Pair, uint64_t>{{{0x10, 0x13}, ~uint64_t{0}}, {{0x14, 0x15}, 2}, {{0x30, 0x31}, 5}});
  CHECK(all.branches[{0x13, 0x10}] == 6);
}
