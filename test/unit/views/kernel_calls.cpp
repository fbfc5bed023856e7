// SPDX-License-Identifier: MIT
// The call tree through system calls and interrupts; a view of a cpu's stream.
#include <catch2/catch.hpp>

#include "test/unit/views/fixture.hpp"
#include "views/calls.hpp"
#include "views/follow.hpp"
#include "views/listing.hpp"

using namespace tracectl;
using namespace tracectl::views;
using namespace tracectl::views::test;

namespace {

constexpr uint64_t kKernel = 0xffffffff81000000;

// The same eight functions once more, as the kernel: k(0) is f0 there.
struct KernelThread : Thread {
  KernelThread() {
    images.sections.push_back({0, kKernel, 0x80, images.sections[0].file_offset, program(), "[kernel.kallsyms]", ""});
    locator = std::make_unique<decode::Locator>(store, images);
    context.locator = locator.get();
  }
  static uint64_t k(unsigned function, unsigned offset = 0) { return kKernel + function * 16 + offset; }
};

}  // namespace

TEST_CASE("a system call is a call that the program goes on behind") {
  KernelThread t;
  const std::string text = captured([&](Out& out) {
    Calls calls(t.context, out);
    t.run(calls, t.at(0), 2, BranchKind::call, t.at(1));
    t.run(calls, t.at(1), 3, BranchKind::syscall, t.k(2));
    t.run(calls, t.k(2), 1, BranchKind::call, t.k(3));
    t.run(calls, t.k(3), 1, BranchKind::ret, t.k(2, 1));
    t.run(calls, t.k(2, 1), 1, BranchKind::far, t.at(1, 3));
    t.run(calls, t.at(1, 3), 1, BranchKind::ret, t.at(0, 2));
    t.run(calls, t.at(0, 2), 1, BranchKind::none, 0, false);
    calls.finish();
  });
  CHECK(text ==
        "thread 1 prog\n"
        "          10  f0  prog\n"
        "           7    f1  prog\n"
        "           3      f2  [kernel.kallsyms]\n"
        "           1        f3  [kernel.kallsyms]\n");
}

TEST_CASE("an interrupt is a call from where it came, and a handler stands above the program only") {
  KernelThread t;
  const std::string text = captured([&](Out& out) {
    Calls calls(t.context, out);
    t.run(calls, t.at(0), 2, BranchKind::none, t.at(0, 2), false);
    decode::Event interrupt;
    interrupt.kind = decode::Event::Kind::async_branch;
    interrupt.ip = t.at(0, 2);
    interrupt.to = t.k(4);
    calls.on_event({}, interrupt);
    t.run(calls, t.k(4), 2, BranchKind::call, t.k(5));
    t.run(calls, t.k(5), 1, BranchKind::far, t.at(6));  // a signal: to its handler
    t.run(calls, t.at(6), 1, BranchKind::syscall, t.k(2));
    t.run(calls, t.k(2), 1, BranchKind::far, t.at(0, 2));  // sigreturn
    t.run(calls, t.at(0, 2), 1, BranchKind::none, 0, false);
    calls.finish();
  });
  CHECK(text ==
        "thread 1 prog\n"
        "           8  f0  prog\n"
        "           3    f4  [kernel.kallsyms]\n"
        "           1      f5  [kernel.kallsyms]\n"
        "           2    f6  prog\n"
        "           1      f2  [kernel.kallsyms]\n");
}

TEST_CASE("kernel frames are left when only the kernel is traced") {
  KernelThread t;
  const std::string text = captured([&](Out& out) {
    Calls calls(t.context, out);
    for (int i = 0; i < 2; ++i) {
      t.run(calls, t.k(2), 1, BranchKind::call, t.k(3));
      t.run(calls, t.k(3), 1, BranchKind::far, 0);
    }
    calls.finish();
  });
  CHECK(text ==
        "thread 1 prog\n"
        "           2  f2  [kernel.kallsyms]\n"
        "           1    f3  [kernel.kallsyms]\n"
        "           2  f2  [kernel.kallsyms]\n"
        "           1    f3  [kernel.kallsyms]\n");
}

TEST_CASE("what follows a switch is another thread's, in its own program") {
  KernelThread t;
  decode::ImageTimeline other;
  other.sections.push_back({0, 0x1000, 0x80, 0, "", "/x/other", ""});
  const std::vector<decode::Turn> turns = {{0, 0, 1, 1, &t.images}, {10, 12, 2, 2, &other}};
  const auto list = [&](int32_t only) {
    return captured([&](Out& out) {
      t.context = {1, 1, 0, "prog", t.locator.get(), &t.windows};
      t.locator->use(t.images);
      Branches view(t.context, out);
      Follow follow([](int32_t pid, uint64_t) { return pid == 1 ? "prog" : "other"; }, only, t.context, view);
      const decode::Block block{t.at(0), t.at(0, 1), 2, 1, BranchKind::jump, true, t.at(1)};
      follow.on_block({5, 1, 1, 0, 0, &turns[0]}, block);
      follow.on_block({12, 2, 2, 0, 0, &turns[1]}, block);
      follow.on_block({13, 1, 1, 0, 0, &turns[0]}, block);
    });
  };
  const std::string first = "1 jump    1001 f0+0x1 → 1010 f1\n", second = "2 jump    1001 other+0x1 → 1010 other+0x10\n";
  CHECK(list(-1) == first + second + first);
  CHECK(list(2) == second);
}
