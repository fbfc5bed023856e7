// SPDX-License-Identifier: MIT
// Views over blocks written by hand.
#include <catch2/catch.hpp>
#include <iterator>

#include "test/unit/views/fixture.hpp"
#include "views/calls.hpp"
#include "views/filters.hpp"
#include "views/folded.hpp"
#include "views/listing.hpp"
#include "views/report.hpp"
#include "views/summary.hpp"

using namespace tracectl;
using namespace tracectl::views;
using namespace tracectl::views::test;

namespace {

// The tree of calls, without heading and source lines.
std::string tree(Thread& t, const std::function<void(decode::ItemSink&)>& blocks) {
  const std::string text = captured([&](Out& out) {
    Calls calls(t.context, out);
    blocks(calls);
    calls.finish();
  });
  std::string lines;
  for (size_t begin = text.find('\n') + 1; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    std::string line = text.substr(begin, end - begin);
    if (const size_t object = line.rfind("  prog"); object != std::string::npos) line.resize(object);
    const size_t first = line.find_first_not_of(' ');
    lines += (first == std::string::npos ? line : line.substr(first)) + "\n";
    begin = end + 1;
  }
  return lines;
}

}  // namespace

TEST_CASE("calls and returns make a tree with inclusive counts") {
  Thread t;
  CHECK(tree(t, [&t](decode::ItemSink& s) {
          t.run(s, t.at(0), 3, BranchKind::call, t.at(1));
          t.run(s, t.at(1), 2, BranchKind::call, t.at(2));
          t.run(s, t.at(2), 4, BranchKind::ret, t.at(1, 2));
          t.run(s, t.at(1, 2), 1, BranchKind::ret, t.at(0, 3));
          t.run(s, t.at(0, 3), 2, BranchKind::none, 0, false);
        }) == "12  f0\n7    f1\n4      f2\n");
}

TEST_CASE("recursion nests") {
  Thread t;
  CHECK(tree(t, [&t](decode::ItemSink& s) {
          t.run(s, t.at(1), 2, BranchKind::call, t.at(1));
          t.run(s, t.at(1), 2, BranchKind::call, t.at(1));
          t.run(s, t.at(1), 5, BranchKind::ret, t.at(1, 2));
          t.run(s, t.at(1, 2), 1, BranchKind::ret, t.at(1, 2));
          t.run(s, t.at(1, 2), 1, BranchKind::none, 0, false);
        }) == "11  f1\n8    f1\n5      f1\n");
}

TEST_CASE("a tail call takes the place of its caller and returns for it") {
  Thread t;
  CHECK(tree(t, [&t](decode::ItemSink& s) {
          t.run(s, t.at(0), 1, BranchKind::call, t.at(1));
          t.run(s, t.at(1), 2, BranchKind::jump, t.at(2));
          t.run(s, t.at(2), 3, BranchKind::ret, t.at(0, 1));
          t.run(s, t.at(0, 1), 1, BranchKind::call, t.at(3));
          t.run(s, t.at(3), 1, BranchKind::ret, t.at(0, 2));
        }) == "8  f0\n2    f1\n3    f2\n1    f3\n");
}

TEST_CASE("a longjmp drops the frames that it leaves") {
  Thread t;
  CHECK(tree(t, [&t](decode::ItemSink& s) {
          t.run(s, t.at(0), 1, BranchKind::call, t.at(1));
          t.run(s, t.at(1), 1, BranchKind::call, t.at(2));
          t.run(s, t.at(2), 1, BranchKind::call, t.at(3));
          t.run(s, t.at(3), 1, BranchKind::indirect_jump, t.at(0, 1));
          t.run(s, t.at(0, 1), 1, BranchKind::call, t.at(4));
          t.run(s, t.at(4), 1, BranchKind::ret, t.at(0, 2));
        }) == "6  f0\n3    f1\n2      f2\n1        f3\n1    f4\n");
}

TEST_CASE("a return past several frames drops them all") {
  Thread t;
  CHECK(tree(t, [&t](decode::ItemSink& s) {
          t.run(s, t.at(0), 1, BranchKind::call, t.at(1));
          t.run(s, t.at(1), 1, BranchKind::call, t.at(2));
          t.run(s, t.at(2), 1, BranchKind::ret, t.at(0, 1));
          t.run(s, t.at(0, 1), 1, BranchKind::none, 0, false);
        }) == "4  f0\n2    f1\n1      f2\n");
}

TEST_CASE("a system call stays in its function, a signal handler is entered and left") {
  Thread t;
  CHECK(tree(t, [&t](decode::ItemSink& s) {
          t.run(s, t.at(0), 1, BranchKind::call, t.at(1));
          t.run(s, t.at(1), 2, BranchKind::syscall, 0);
          t.run(s, t.at(1, 2), 1, BranchKind::syscall, 0);
          t.run(s, t.at(5), 3, BranchKind::ret, t.at(6));  // the handler returns to its trampoline
          t.run(s, t.at(6), 2, BranchKind::syscall, 0);    // sigreturn
          t.run(s, t.at(1, 3), 1, BranchKind::ret, t.at(0, 1));
          t.run(s, t.at(0, 1), 1, BranchKind::none, 0, false);
        }) == "11  f0\n9    f1\n3      f5\n2      f6\n");
}

TEST_CASE("returning above the first frame starts a new one at the caller") {
  Thread t;
  CHECK(tree(t, [&t](decode::ItemSink& s) {
          t.run(s, t.at(1), 2, BranchKind::ret, t.at(0, 4));
          t.run(s, t.at(0, 4), 1, BranchKind::none, 0, false);
        }) == "2  f1\n1  f0\n");
}

TEST_CASE("where a window's function returned to is no line when nothing ran there") {
  Thread t;
  CHECK(tree(t, [&t](decode::ItemSink& s) { t.run(s, t.at(1), 2, BranchKind::ret, t.at(0, 4)); }) == "2  f1\n");
}

TEST_CASE("names in a report are cut to their column") {
  Report report;
  report.functions = {{std::string(200, 'f'), "app", 10, 1, 0, ""}};
  report.totals.instructions = 10;
  report.limit = 1;
  const std::string text = captured([&report](Out& out) { print_text(report, out); });
  CHECK(text.find("ff...  app") != std::string::npos);
  CHECK(text.find(std::string(60, 'f')) == std::string::npos);
}

TEST_CASE("folded stacks are sorted and count a function's own instructions") {
  Thread t;
  Folded folded;
  Folded::Stream s(folded, t.context);
  t.run(s, t.at(0), 3, BranchKind::call, t.at(2));
  t.run(s, t.at(2), 4, BranchKind::ret, t.at(0, 3));
  t.run(s, t.at(0, 3), 2, BranchKind::call, t.at(1));
  t.run(s, t.at(1), 5, BranchKind::ret, t.at(0, 5));
  t.run(s, t.at(0, 5), 2, BranchKind::call, t.at(2));
  t.run(s, t.at(2), 4, BranchKind::ret, t.at(0, 7));
  s.finish();
  CHECK(captured([&folded](Out& out) { folded.print(out); }) == "prog-1;f0 7\nprog-1;f0;f1 5\nprog-1;f0;f2 8\n");
}

TEST_CASE("a summary counts instructions, branches and entries") {
  Thread t;
  Summary summary;
  Summary::Stream s(summary, t.context);
  t.run(s, t.at(0), 3, BranchKind::cond, t.at(0, 3), false);
  t.run(s, t.at(0, 3), 2, BranchKind::call, t.at(1));
  t.run(s, t.at(1), 4, BranchKind::jump, t.at(2));
  t.run(s, t.at(2), 1, BranchKind::cond, t.at(2));
  t.run(s, t.at(2), 1, BranchKind::ret, t.at(0, 5));
  t.run(s, t.at(0, 5), 1, BranchKind::syscall, 0);
  s.finish();
  CHECK(summary.totals().instructions == 12);
  CHECK(summary.totals().branches == 4);
  CHECK(summary.totals().taken_branches == 3);
  const auto functions = summary.functions();
  REQUIRE(functions.size() == 3);
  CHECK((functions[0].name == "f0" && functions[0].instructions == 6 && functions[0].calls == 0));
  CHECK((functions[1].name == "f1" && functions[1].instructions == 4 && functions[1].calls == 1));
  CHECK((functions[2].name == "f2" && functions[2].instructions == 2 && functions[2].calls == 1));
  CHECK(functions[0].object == "prog");
}

TEST_CASE("a trace that begins at a function's first instruction counts as a call of it") {
  Thread t;
  Summary summary;
  Summary::Stream s(summary, t.context);
  decode::Event enabled;
  enabled.kind = decode::Event::Kind::enabled;
  for (const uint64_t begin : {t.at(1), t.at(1), t.at(2, 3)}) {
    s.on_event({t.time, 1, 1, -1, 0}, enabled);
    t.run(s, begin, 2, BranchKind::ret, 0);
  }
  s.finish();
  const auto functions = summary.functions();
  REQUIRE(functions.size() == 2);
  CHECK((functions[0].name == "f1" && functions[0].calls == 2));
  CHECK((functions[1].name == "f2" && functions[1].calls == 0));
}

TEST_CASE("windows have count, total, min, avg, max and standard deviation") {
  using decode::Hit;
  std::vector<Hit> hits;
  for (const auto& [begin, end] : {std::pair<uint64_t, uint64_t>{10, 20}, {30, 50}, {60, 90}, {100, 101}}) {
    hits.push_back({Hit::Kind::resume, begin, 1, 1, -1, 0});
    hits.push_back({Hit::Kind::pause, end, 1, 1, -1, 0});
  }
  hits.push_back({Hit::Kind::resume, 200, 1, 1, -1, 0});
  Thread t;
  t.windows = decode::WindowSet::from_hits(hits, {"w"}, true);
  Summary summary;
  Summary::Stream s(summary, t.context);
  for (const uint64_t time : {15, 40, 95}) {
    t.time = time;
    t.run(s, t.at(0), 4, BranchKind::none, 0, false);
  }
  s.finish();
  const auto stats = window_stats(t.windows, {{"w", 0, 1, 5}}, summary);
  REQUIRE(stats.size() == 1);
  CHECK((stats[0].count == 3 && stats[0].open == 1 && stats[0].total == 60));
  CHECK((stats[0].min == 10 && stats[0].max == 30));
  CHECK(stats[0].longest == 3);
  CHECK(stats[0].avg == Approx(20));
  CHECK(stats[0].stddev == Approx(10));
  CHECK(stats[0].instructions == 8);
}

TEST_CASE("raw instructions are thread and address, and blocks cut short are told as they ran") {
  Thread t;
  const InsnLength one = [](std::span<const uint8_t>, uint64_t) -> uint8_t { return 1; };
  const std::string text = captured([&](Out& out) {
    Instructions view(t.context, one, true, out);
    t.run(view, t.at(0), 3, BranchKind::none, 0, false);
    t.run(view, t.at(0), 2, BranchKind::none, 0, false);
  });
  CHECK(text == "1 1000\n1 1001\n1 1002\n1 1000\n1 1001\n");
}

TEST_CASE("an instruction has its symbol and its disassembly, a branch both ends") {
  Thread t;
  const InsnLength one = [](std::span<const uint8_t>, uint64_t) -> uint8_t { return 1; };
  const std::string text = captured([&](Out& out) {
    Instructions view(t.context, one, false, out);
    t.run(view, t.at(1, 1), 1, BranchKind::none, 0, false);
    Branches branches(t.context, out);
    t.run(branches, t.at(1), 2, BranchKind::call, t.at(2));
    t.run(branches, t.at(1), 2, BranchKind::cond, t.at(1, 2), false);
  });
  CHECK(text.find("1011 f1+0x1") != std::string::npos);
  CHECK(text.find("nop") != std::string::npos);
  CHECK(text.find("call    1011 f1+0x1 → 1020 f2\n") != std::string::npos);
  CHECK(text.find("cond") == std::string::npos);
}

TEST_CASE("as JSON, views write an object a line") {
  Thread t;
  const std::string calls = captured([&t](Out& out) {
    out.as_json();
    Calls view(t.context, out);
    t.run(view, t.at(1), 2, BranchKind::none, 0, false);
    view.finish();
  });
  CHECK(calls == R"({"tid":1,"window":null,"depth":0,"instructions":2,"function":"f1","object":"prog","line":""})"
                 "\n");
  const std::string branches = captured([&t](Out& out) {
    out.as_json();
    Branches view(t.context, out);
    t.run(view, t.at(1), 2, BranchKind::syscall, 0);
  });
  CHECK(branches.find(R"("kind":"syscall","from":"1011","from_symbol":"f1+0x1","to":null,"to_symbol":null})") !=
        std::string::npos);
}

TEST_CASE("limit stops the output, keep_last keeps its end") {
  const std::string first = captured([](Out& out) {
    out.limit(2);
    for (int i = 0; i < 5; ++i) out.line(std::to_string(i));
    CHECK_FALSE(out.ok());
  });
  CHECK(first == "0\n1\n");
  const std::string last = captured([](Out& out) {
    out.keep_last(2);
    for (int i = 0; i < 5; ++i) out.line(std::to_string(i));
    out.release();
  });
  CHECK(last == "3\n4\n");
}

TEST_CASE("only the chosen window passes") {
  using decode::Hit;
  Thread t;
  t.windows = decode::WindowSet::from_hits({{Hit::Kind::resume, 10, 1, 1, -1, 0},
                                            {Hit::Kind::pause, 20, 1, 1, -1, 0},
                                            {Hit::Kind::resume, 30, 1, 1, -1, 0},
                                            {Hit::Kind::pause, 40, 1, 1, -1, 0}},
                                           {"w"}, true);
  Summary summary;
  Summary::Stream s(summary, t.context);
  OnlyWindow only(t.context, 2, s);
  for (const uint64_t time : {5, 15, 25, 35, 45}) {
    t.time = time;
    t.run(only, t.at(0), static_cast<uint32_t>(time / 5), BranchKind::none, 0, false);
  }
  s.finish();
  CHECK(summary.totals().instructions == 7);
}

TEST_CASE("windows without trace and trace without windows are counted: triggers against what they did") {
  using Kind = decode::Hit::Kind;
  Thread t;
  t.windows = decode::WindowSet::from_hits({{Kind::resume, 10, 1, 1, -1, 0},
                                            {Kind::pause, 20, 1, 1, -1, 0},
                                            {Kind::resume, 30, 1, 1, -1, 0},
                                            {Kind::pause, 40, 1, 1, -1, 0}},
                                           {"w"}, true);
  Summary summary;
  Summary::Stream s(summary, t.context);
  for (const uint64_t time : {15, 25, 45}) {
    t.time = time;
    t.run(s, t.at(0), 3, BranchKind::none, 0, false);
  }
  s.finish();
  CHECK(summary.totals().outside == 6);
  CHECK(window_stats(t.windows, {}, summary)[0].empty == 1);
  Report report;
  report.windows = window_stats(t.windows, {}, summary);
  report.totals = summary.totals();
  const std::string text = captured([&report](Out& out) { print_text(report, out); });
  CHECK(text.find("1 of 2 windows of w hold no instruction") != std::string::npos);
  CHECK(text.find("6 instructions lie outside of every window") != std::string::npos);
}

TEST_CASE("a report shows windows, functions and every loss that there was") {
  Report report;
  report.title = "what is slow?";
  report.windows = {{"qsort", 2, 1, 100, 3000, 1000, 2000, 1500, 707.1}};
  report.functions = {{"f", "app", 75, 3, 50, "a.c:1"}, {"g", "app", 25, 1, 0, ""}};
  report.totals.instructions = 100;
  report.loss[LossKind::truncated] = 4;
  report.limit = 1;
  const std::string text = captured([&report](Out& out) { print_text(report, out); });
  CHECK(text.starts_with("what is slow?\n"));
  CHECK(text.find("qsort") != std::string::npos);
  CHECK(text.find("1.5 us") != std::string::npos);
  CHECK(text.find("75.00") != std::string::npos);
  CHECK(text.find("1 more") != std::string::npos);
  CHECK(text.find("loss: truncated 4") != std::string::npos);
  const std::string json = captured([&report](Out& out) { print_json(report, out); });
  CHECK(json.find("\"stddev_ns\": 707.1") != std::string::npos);
  CHECK(json.find("\"cut_file\": 0") != std::string::npos);
}
