// SPDX-License-Identifier: MIT
#include "decode/flow_paths.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

using namespace tracectl;
using decode::Block;
using decode::BranchKind;

namespace {

// An instruction set of one byte each: '.' goes on; 'c' branches to 0, 'J' jumps to 0, 'L' calls 40, 'R' returns.
constexpr uint64_t kBase = 0x1000, kCallee = kBase + 40;
decode::FlowInsn read_letter(const uint8_t* bytes, size_t size, uint64_t) {
  if (size == 0) return {};
  decode::FlowInsn out;
  out.size = 1;
  out.target = kBase;
  switch (*bytes) {
    case '.':
      return out;
    case 'c':
      out.kind = BranchKind::cond;
      return out;
    case 'J':
      out.kind = BranchKind::jump;
      return out;
    case 'L':
      out.kind = BranchKind::call;
      out.target = kCallee;
      return out;
    case 'R':
      out.kind = BranchKind::ret;
      return out;
    default:
      return {};
  }
}

class Program {
 public:
  explicit Program(const std::string& letters) {
    const int fd = ::mkstemp(path_.data());
    REQUIRE(fd >= 0);
    REQUIRE(::write(fd, letters.data(), letters.size()) == static_cast<ssize_t>(letters.size()));
    ::close(fd);
    section_.address = kBase;
    section_.size = letters.size();
    section_.file = path_;
    code.add(section_);
    code.paths.harvest_to([this](std::span<const Block> blocks, uint64_t times) {
      for (const Block& b : blocks) counts[{b.last, b.to}] += times;
    });
  }
  ~Program() { std::remove(path_.c_str()); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  void again() { code.add(section_); }
  // `bits` as in "101".
  decode::FlowPath& path(uint64_t from, const std::string& bits) {
    unsigned word = 1;
    for (const char c : bits) word = word << 1 | (c == '1' ? 1u : 0u);
    return code.paths.at(code.graph.at(from), word);
  }

 private:
  std::string path_ = "/tmp/tracectl-flow-paths-XXXXXX";
  decode::Section section_;
  decode::CodeFiles files_;

 public:
  decode::FlowCode code{files_, read_letter};
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> counts;
};

}  // namespace

TEST_CASE("a path takes as many bits as there are branches") {
  Program p("..c.c.J");
  const auto& path = p.path(kBase, "001");
  CHECK(path.bits == 3);
  CHECK(path.insns == 3 + 2 + 2 + 3);  // ..c .c .J ..c, the last one taken
  CHECK(path.to->ip() == kBase);
  CHECK(path.all().back().taken);
  CHECK(path.rise == 0);
}

TEST_CASE("a path goes through a return of its own call, and ends at another") {
  // At 0: call 40; behind it a branch. At 40: a branch, a return.
  Program p("L.c" + std::string(37, '.') + "cR");
  const auto& own = p.path(kBase, "010");
  CHECK(own.bits == 3);
  CHECK(own.pushes == 0);
  CHECK(own.rise == 1);
  CHECK_FALSE(own.returns);
  CHECK(own.all()[2].kind == BranchKind::ret);
  CHECK(own.all()[2].to == kBase + 1);

  const auto& foreign = p.path(kCallee, "01");
  CHECK(foreign.bits == 1);
  CHECK(foreign.returns);
  CHECK(foreign.to->ip() == kCallee + 1);

  const auto& open = p.path(kBase, "0");
  CHECK(open.pushes == 1);
  CHECK(open.stack[0] == kBase + 1);
}

TEST_CASE("a return that is told by an address ends a path") {
  Program p("L.c" + std::string(37, '.') + "cR");
  const auto& path = p.path(kBase, "00");
  CHECK(path.bits == 1);
  CHECK_FALSE(path.returns);
}

TEST_CASE("no path leads to where there is no code") {
  Program p("..c");
  CHECK(p.path(kBase, "1").bits == 1);
  CHECK(p.path(kBase, "0").bits == 0);
  CHECK(p.path(kBase, "10").size == 0);
}

TEST_CASE("counts of paths and edges are given once, and before anything is forgotten") {
  Program p("..c.c.J" + std::string(33, '.') + "cR");
  for (int i = 0; i < 5; ++i) p.code.paths.count(p.path(kBase, "11"));
  auto& edge = p.code.graph.edge(*p.code.graph.at(kCallee + 1), kBase + 3);
  p.code.paths.count(edge);
  p.code.paths.harvest();
  CHECK(p.counts[{kBase + 2, kBase}] == 10);
  CHECK(p.counts[{kCallee + 1, kBase + 3}] == 1);
  p.code.paths.harvest();
  CHECK(p.counts[{kBase + 2, kBase}] == 10);
  p.code.paths.count(p.path(kBase, "11"));
  p.again();
  CHECK(p.counts[{kBase + 2, kBase}] == 12);
}

TEST_CASE("blocks of paths stay for who keeps them") {
  Program p("..c");
  const auto blocks = p.path(kBase, "1111").all();
  const auto kept = p.code.paths.lasting();
  p.again();
  for (int i = 0; i < 64; ++i) (void)p.path(kBase, std::string("1") + (i % 2 != 0 ? "1" : ""));
  CHECK(blocks[3].last == kBase + 2);
}
