// SPDX-License-Identifier: MIT
#include "profile/branch_list.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "a64_program.hpp"
#include "core/protobuf.hpp"

using namespace tracectl;
using namespace tracectl::profile;
using Counts = std::map<Profile::Pair, uint64_t>;

namespace {

// A list of simpleperf's; `atoms` as text, E: taken, N: not.
struct List {
  uint64_t address = 0;
  std::string atoms;
  uint64_t count = 1;
};

Protobuf binary(const std::string& path, const std::string& build_id, const std::vector<List>& lists) {
  Protobuf out;
  // Fields may come in any order, and unknown ones between them.
  for (const List& list : lists) {
    std::string bits((list.atoms.size() + 7) / 8, '\0');
    for (size_t i = 0; i < list.atoms.size(); ++i)
      if (list.atoms[i] == 'E') bits[i / 8] = static_cast<char>(bits[i / 8] | 1 << (i % 8));
    Protobuf branch, address;
    branch.number(3, list.count);
    branch.number(2, list.atoms.size());
    branch.bytes(1, bits);
    branch.number(99, 7);
    address.number(1, list.address);
    address.message(2, branch);
    out.message(3, address);
  }
  out.bytes(1, path);
  if (!build_id.empty()) out.bytes(2, build_id);
  return out;
}

std::string one_message(const Protobuf& binary) {
  Protobuf out;
  out.bytes(1, kBranchListMagic);
  out.message(2, binary);
  return out.text();
}

std::string number32(uint64_t n) {
  std::string out;
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(n >> (8 * i)));
  return out;
}

std::string many_messages(const std::vector<Protobuf>& binaries) {
  std::string out = std::string(kBranchListMagic) + number32(1) + '\0';
  for (const Protobuf& b : binaries) {
    Protobuf message;
    message.message(2, b);
    out += number32(message.text().size()) + message.text();
  }
  return out;
}

BranchListProfile read(const A64Program& program, const std::string& bytes) {
  A64Code code = program.open();
  auto out = parse_branch_list(bytes, "x.list", code);
  REQUIRE(out);
  return *out;
}

std::string why(const A64Program& program, const std::string& bytes) {
  A64Code code = program.open();
  const auto out = parse_branch_list(bytes, "x.list", code);
  REQUIRE(!out);
  CHECK(out.error().what.find("x.list") != std::string::npos);
  return out.error().what;
}

Profile made_of_branches(const A64Program& program) {
  Profile out{program.path(), "", {}, {}};
  out.ranges = {{{kAt, kAt + 4}, 10}, {{kAt + 4, kAt + 4}, 2}, {{kAt + 8, kAt + 0xc}, 5}, {{kAt + 0x1c, kAt + 0x1c}, 1}};
  out.branches = {{{kAt + 4, kAt + 0x10}, 7}, {{kAt + 0xc, kAt + 0x18}, 5}};
  return out;
}

}  // namespace

TEST_CASE("a profile as branch list is what it was, read back") {
  const A64Program program;
  A64Code code = program.open();
  const Profile profile = made_of_branches(program);
  const auto list = to_branch_list(profile, code);
  REQUIRE(list);
  CHECK(list->unsaid == 0);
  CHECK(list->unfitting == 0);
  CHECK(is_branch_list(list->bytes));
  const BranchListProfile back = read(program, list->bytes);
  CHECK(back.profile.ranges == profile.ranges);
  CHECK(back.profile.branches == profile.branches);
  CHECK(back.profile.path == program.path());
  CHECK(back.cut == 0);
}

TEST_CASE("what is written is one list for each address and atom") {
  const A64Program program;
  A64Code code = program.open();
  Profile profile{"/a/\xff", "aa", {{{kAt, kAt + 4}, 3}}, {{{kAt + 4, kAt + 0x10}, 1}}};
  const auto list = to_branch_list(profile, code);
  REQUIRE(list);
  Protobuf not_taken, taken, address, binary;
  not_taken.bytes(1, std::string(1, '\0'));
  not_taken.number(2, 1);
  not_taken.number(3, 2);
  taken.bytes(1, "\1");
  taken.number(2, 1);
  taken.number(3, 1);
  address.number(1, kText);
  address.message(2, not_taken);
  address.message(2, taken);
  binary.bytes(1, "/a/\xef\xbf\xbd");
  binary.bytes(2, "aa");
  binary.message(3, address);
  CHECK(list->bytes == one_message(binary));
}

TEST_CASE("a long list is walked through direct branches and ISBs, and ends with an indirect one") {
  const A64Program program;
  const BranchListProfile p =
      read(program, one_message(binary(program.path(), "", {{kText, "NEEE", 3}, {kText + 0x24, "EEE", 2}})));
  CHECK(p.profile.ranges == Counts{{{kAt, kAt + 4}, 5},
                                   {{kAt + 8, kAt + 0xc}, 3},
                                   {{kAt + 0x10, kAt + 0x14}, 2},
                                   {{kAt + 0x18, kAt + 0x18}, 3},
                                   {{kAt + 0x1c, kAt + 0x1c}, 3},
                                   {{kAt + 0x24, kAt + 0x24}, 2}});
  CHECK(p.profile.branches == Counts{{{kAt + 4, kAt + 0x10}, 2}, {{kAt + 0xc, kAt + 0x18}, 3}, {{kAt + 0x24, kAt}, 2}});
  CHECK(p.lists == 2);
  CHECK(p.cut == 0);
}

TEST_CASE("a range over a system call goes on to the next branch, as in a trace") {
  const A64Program program;
  const BranchListProfile p = read(program, one_message(binary(program.path(), "", {{kText + 0x20, "E", 1}})));
  CHECK(p.profile.ranges == Counts{{{kAt + 0x20, kAt + 0x24}, 1}});
}

TEST_CASE("lists that lead nowhere are counted") {
  const A64Program program;
  const BranchListProfile p =
      read(program, one_message(binary(program.path(), "",
                                       {{kText + 0x10, "EN", 1},                     // behind an indirect call
                                        {kText + 0x28, "E", 1},                      // runs off the code
                                        {kFirst, "E", 1},                            // data
                                        {kText + 2, "E", 1},                         // between instructions
                                        {~uint64_t{0}, "E", 1},                      // nowhere
                                        {kText + 1, "N", 4},                         // bit 0 is no address
                                        {kText, "EEEEEEEEEEEEEEEEEEEEEEEE", 1}})));  // more than there is
  CHECK(p.lists == 7);
  CHECK(p.cut == 6);
  CHECK(p.profile.ranges == Counts{{{kAt, kAt + 4}, 5}, {{kAt + 0x10, kAt + 0x14}, 2}});
}

TEST_CASE("the newer form: messages behind a head add up") {
  const A64Program program;
  const Protobuf one = binary(program.path(), "", {{kText, "N", ~uint64_t{0}}, {kText + 8, "E", 2}});
  const BranchListProfile p = read(program, many_messages({one, binary("/other", "", {{8, "E", 1}}), one}));
  CHECK(p.profile.ranges == Counts{{{kAt, kAt + 4}, ~uint64_t{0}}, {{kAt + 8, kAt + 0xc}, 4}});
  CHECK(p.lists == 4);
  CHECK(is_branch_list(many_messages({one})));
}

TEST_CASE("ranges over an ISB become two; what no branch ends, or does not fit, is counted") {
  const A64Program program;
  A64Code code = program.open();
  Profile profile{program.path(), "", {}, {}};
  profile.ranges = {{{kAt + 0x18, kAt + 0x1c}, 3},  // isb, ret
                    {{kAt + 0x18, kAt + 0x18}, 1},
                    {{kAt + 0x20, kAt + 0x20}, 5},     // svc
                    {{kAt + 0x8, kAt + 0x10}, 7},      // over a branch
                    {{kAt + 0x100, kAt + 0x104}, 9}};  // no code
  profile.branches = {{{kAt + 0x200, kAt}, 2}};
  const auto list = to_branch_list(profile, code);
  REQUIRE(list);
  CHECK(list->unsaid == 5);
  CHECK(list->unfitting == 7 + 9 + 2);
  CHECK(read(program, list->bytes).profile.ranges == Counts{{{kAt + 0x18, kAt + 0x18}, 4}, {{kAt + 0x1c, kAt + 0x1c}, 3}});
}

TEST_CASE("whose lists: by build-id, which simpleperf fills up to 20 bytes, else by name") {
  const A64Program program;
  CHECK(read(program, one_message(binary("/data/" + program.name(), "0c9a", {{kText, "N", 1}}))).lists == 1);
  CHECK(why(program, one_message(binary("/data/other", "0c9a", {{kText, "N", 1}})))
            .find("but of /data/other with the build-id 0c9a") != std::string::npos);
}

TEST_CASE("what is no branch list, or says nothing, says so") {
  const A64Program program;
  const std::string good = one_message(binary(program.path(), "", {{kText, "N", 1}}));
  CHECK(why(program, "").find("does not begin") != std::string::npos);
  CHECK(why(program, "1\n10-13:4\n").find("does not begin") != std::string::npos);
  CHECK(why(program, "\x28\xb5\x2f\xfd....").find("compressed") != std::string::npos);
  const std::string magic(kBranchListMagic);
  CHECK(why(program, magic + number32(1) + '\1').find("compressed") != std::string::npos);
  CHECK(why(program, magic + number32(2) + '\0').find("version 2") != std::string::npos);
  CHECK(why(program, magic + number32(1) + '\0' + number32(~0u)).find("cut short") != std::string::npos);
  Protobuf lbr, kernel, start;
  lbr.bytes(1, kBranchListMagic);
  lbr.bytes(3, "");
  CHECK(why(program, lbr.text()).find("LBR") != std::string::npos);
  start.number(1, 1);
  kernel.bytes(1, program.path());
  kernel.message(5, start);
  CHECK(why(program, one_message(kernel)).find("vmlinux") != std::string::npos);
  CHECK(why(program, one_message(binary(program.path(), "", {{0, "N", 1}}))).find("none of its 1 lists") !=
        std::string::npos);
  for (size_t size = 0; size < good.size(); ++size) CHECK(!why(program, good.substr(0, size)).empty());
}

TEST_CASE("a program that is not AArch64's has no atoms") {
  const auto code = A64Program(EM_X86_64).try_open();
  REQUIRE(!code);
  CHECK(code.error().kind == ErrorKind::unsupported);
  CHECK(code.error().what.find("no AArch64 program (ELF machine 62)") != std::string::npos);
}

TEST_CASE("damaged branch lists are errors, or profiles of the code") {
  const A64Program program;
  A64Code code = program.open();
  const std::vector<List> lists = {{kText, "NEEE", 3}, {kText + 0x24, "EEE", 200}, {kText + 0x10, "E", ~uint64_t{0}}};
  const std::string forms[] = {one_message(binary(program.path(), "", lists)),
                               many_messages({binary(program.path(), "", lists)})};
  std::mt19937 random(1);
  unsigned read = 0, refused = 0;
  const auto check = [&](const std::string& bytes) {
    const auto back = parse_branch_list(bytes, "x.list", code);
    ++(back ? read : refused);
    if (!back) return;
    for (const auto& [range, count] : back->profile.ranges)
      REQUIRE((range.first >= kAt && range.first <= range.second && range.second < kAt + sizeof kA64Code));
    for (const auto& [branch, count] : back->profile.branches) REQUIRE(branch.second < kAt + sizeof kA64Code);
  };
  for (const std::string& good : forms) {
    for (size_t bit = 0; bit < good.size() * 8; ++bit) {
      std::string bytes = good;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << (bit % 8));
      check(bytes);
    }
    for (int round = 0; round < 20000; ++round) {
      std::string bytes = good;
      for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
      check(bytes);
    }
  }
  CHECK(read > 1000);
  CHECK(refused > 1000);
}
