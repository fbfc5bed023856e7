// SPDX-License-Identifier: MIT
#include "views/autofdo.hpp"

#include "profile/autofdo_text.hpp"
#include "test/unit/views/fixture.hpp"

using namespace tracectl;
using namespace tracectl::views;
using namespace tracectl::views::test;

namespace {

// The text of what `feed` runs, with addresses from f0 on in place of those from the first load segment.
struct OfTrace {
  Thread thread;
  AutoFdo whole;
  uint64_t f0 = 0;

  explicit OfTrace(const std::string& build_id = "", const std::string& name = "")
      : whole(opened(build_id, name.empty() ? thread.images.sections[0].name : name)) {
    f0 = *decode::LoadSegments::of(program())->address_of(thread.images.sections[0].file_offset);
    thread.images.sections[0].build_id = "";
  }
  static ProfiledBinary opened(const std::string& build_id, const std::string& name) {
    auto binary = ProfiledBinary::open(program());
    REQUIRE(binary);
    binary->build_id = build_id;
    binary->path = name;
    return std::move(*binary);
  }
  template <class Fn>
  std::string text(Fn&& feed) {
    AutoFdo::Stream stream(whole, thread.context);
    feed(stream);
    stream.finish();
    return profile::to_autofdo_text(whole.profile());
  }
  [[nodiscard]] std::string range(uint64_t from, uint64_t to, int count) const {
    return fmt::format("{:x}-{:x}:{}\n", f0 + from, f0 + to, count);
  }
  [[nodiscard]] std::string branch(uint64_t from, uint64_t to, int count) const {
    return fmt::format("{:x}->{:x}:{}\n", f0 + from, f0 + to, count);
  }
};

}  // namespace

TEST_CASE("ranges and taken branches are counted and ascend") {
  OfTrace p;
  const auto text = p.text([&p](auto& sink) {
    for (int i = 0; i < 3; ++i) p.thread.run(sink, Thread::at(1), 4, BranchKind::cond, Thread::at(1), true);
    p.thread.run(sink, Thread::at(1), 4, BranchKind::cond, Thread::at(1, 4), false);
    p.thread.run(sink, Thread::at(1, 4), 2, BranchKind::jump, Thread::at(0));
  });
  CHECK(text == "2\n" + p.range(16, 19, 4) + p.range(20, 21, 1) + "0\n2\n" + p.branch(19, 16, 3) + p.branch(21, 0, 1) +
                    "// /x/prog\n");
}

TEST_CASE("a block that ends without a branch goes on in the next one") {
  OfTrace p;
  const auto text = p.text([&p](auto& sink) {
    p.thread.run(sink, Thread::at(2), 3, BranchKind::none, Thread::at(2, 3), false);
    p.thread.run(sink, Thread::at(2, 3), 2, BranchKind::none, Thread::at(2, 5), false);
    p.thread.run(sink, Thread::at(2, 5), 1, BranchKind::ret, 0);
    p.thread.run(sink, Thread::at(3), 3, BranchKind::none, 0, false);
  });
  CHECK(text == "2\n" + p.range(32, 37, 1) + p.range(48, 50, 1) + "0\n0\n// /x/prog\n");
}

TEST_CASE("Arm's blocks that end without a branch end with an ISB, and the range with them") {
  OfTrace p;
  const auto text = p.text([&p](auto& sink) {
    for (const auto& [from, insns] : {std::pair{0u, 3u}, std::pair{3u, 1u}}) {
      const uint64_t ip = Thread::at(2, from);
      sink.on_block({p.thread.time, 1, 1}, {ip, ip + insns - 1, insns, 1, BranchKind::none, false, 0, decode::Isa::a64});
    }
  });
  CHECK(text == "2\n" + p.range(32, 34, 1) + p.range(35, 35, 1) + "0\n0\n// /x/prog\n");
}

TEST_CASE("a loss ends a range: nothing joins across it") {
  OfTrace p;
  const auto text = p.text([&p](auto& sink) {
    p.thread.run(sink, Thread::at(2), 3, BranchKind::none, Thread::at(2, 3), false);
    sink.on_loss({}, {});
    p.thread.run(sink, Thread::at(2, 3), 2, BranchKind::ret, 0);
  });
  CHECK(text == "2\n" + p.range(32, 34, 1) + p.range(35, 36, 1) + "0\n0\n// /x/prog\n");
}

TEST_CASE("a branch out of the binary is in its range and no branch") {
  OfTrace p;
  const auto text = p.text([&p](auto& sink) { p.thread.run(sink, Thread::at(1), 2, BranchKind::call, 0x77770000); });
  CHECK(text == "1\n" + p.range(16, 17, 1) + "0\n0\n// /x/prog\n");
}

TEST_CASE("a binary is known by its build-id before its name") {
  decode::Section section;
  section.name = "/other/place/prog";
  ProfiledBinary binary = OfTrace::opened("", "/x/prog");
  CHECK(binary.is(section));
  section.build_id = "aa";
  CHECK(binary.is(section));
  binary.build_id = "bb";
  CHECK_FALSE(binary.is(section));
  section.name = "/quite/another";
  binary.build_id = "aa";
  CHECK(binary.is(section));
  section.build_id = "";
  CHECK_FALSE(binary.is(section));
}

TEST_CASE("an empty profile says why") {
  OfTrace nothing;
  nothing.text([](auto&) {});
  REQUIRE(nothing.whole.profile().empty());
  CHECK(nothing.whole.why_empty().what.find("no instruction") != std::string::npos);

  OfTrace elsewhere("", "/x/other");
  elsewhere.text([&](auto& sink) { elsewhere.thread.run(sink, Thread::at(1), 4, BranchKind::ret, 0); });
  REQUIRE(elsewhere.whole.profile().empty());
  CHECK(elsewhere.whole.why_empty().what.find("most ran in prog") != std::string::npos);

  OfTrace stale("bb");
  stale.thread.images.sections[0].build_id = "aa";
  stale.text([&](auto& sink) { stale.thread.run(sink, Thread::at(1), 4, BranchKind::ret, 0); });
  REQUIRE(stale.whole.profile().empty());
  CHECK(stale.whole.why_empty().what.find("another build of it, with the build-id aa") != std::string::npos);
}

TEST_CASE("what is no ELF file has no profile") {
  CHECK_FALSE(ProfiledBinary::open("/etc/passwd"));
  CHECK(ProfiledBinary::open("/nowhere").error().what.find("No such file") != std::string::npos);
}
