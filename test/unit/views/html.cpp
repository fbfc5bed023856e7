// SPDX-License-Identifier: MIT
// What the page of `report --html` is made of: bounded trees of calls, source excerpts, and
// text that stays text.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "test/unit/views/fixture.hpp"
#include "views/flames.hpp"
#include "views/html_report.hpp"
#include "views/source_excerpts.hpp"

using namespace tracectl;
using namespace tracectl::views;
using namespace tracectl::views::test;
using decode::Hit;

namespace {

// "depth name begin+insns", a node after the other.
std::string text_of(const Flame& flame, const Flames& flames) {
  std::string out;
  for (const FlameNode& n : flame.nodes)
    out += fmt::format("{} {} {}+{} x{}, ", n.depth, flames.names()[n.name].function, n.begin, n.insns, n.calls);
  return out;
}

// f0 calls f1 twice and f2 once.
void some_calls(Thread& t, decode::ItemSink& s) {
  t.run(s, t.at(0), 2, BranchKind::call, t.at(1));
  t.run(s, t.at(1), 3, BranchKind::ret, t.at(0, 2));
  t.run(s, t.at(0, 2), 2, BranchKind::call, t.at(2));
  t.run(s, t.at(2), 9, BranchKind::ret, t.at(0, 4));
  t.run(s, t.at(0, 4), 1, BranchKind::call, t.at(1));
  t.run(s, t.at(1), 4, BranchKind::ret, t.at(0, 5));
  t.run(s, t.at(0, 5), 1, BranchKind::none, 0, false);
}

struct OneWindow : Thread {
  OneWindow() {
    windows = decode::WindowSet::from_hits({{Hit::Kind::resume, 1, 1, 1, -1, 0}, {Hit::Kind::pause, 9, 1, 1, -1, 0}},
                                           {"</script><b>\xff"}, true);
  }
};

}  // namespace

TEST_CASE("a window's calls are in order, merged calls are by size") {
  OneWindow t;
  Flames flames({1});
  Flames::Stream s(flames, t.context);
  some_calls(t, s);
  s.finish();
  CHECK(text_of(flames.chart(1, 100), flames) == "0 f0 0+22 x1, 1 f1 2+3 x1, 1 f2 7+9 x1, 1 f1 17+4 x1, ");
  CHECK(text_of(flames.merged(100), flames) == "0 f0 0+22 x1, 1 f2 0+9 x1, 1 f1 9+7 x2, ");
  CHECK(flames.merged(100).insns == 22);
  CHECK(flames.chart(2, 100).nodes.empty());
}

TEST_CASE("the smallest calls are left out first, never a caller before its callees, and counted") {
  OneWindow t;
  Flames flames({1});
  Flames::Stream s(flames, t.context);
  some_calls(t, s);
  s.finish();
  CHECK(text_of(flames.chart(1, 2), flames) == "0 f0 0+22 x1, 1 f2 7+9 x1, ");
  CHECK(flames.chart(1, 2).left_out == 2);
  CHECK(text_of(flames.merged(1), flames) == "0 f0 0+22 x1, ");
  CHECK(flames.merged(1).left_out == 2);
}

TEST_CASE("more different paths than are kept count for their callers") {
  Thread t;
  Flames flames({});
  Flames::Stream s(flames, t.context);
  // f1 in f1 in f1: each depth is a path of its own.
  const size_t deep = Flames::kMostPaths + 10;
  for (size_t i = 0; i < deep; ++i) t.run(s, t.at(1), 1, BranchKind::call, t.at(1));
  s.finish();
  const Flame flame = flames.merged(100);
  CHECK(flame.insns == deep);
  CHECK(flame.beyond > 0);
  CHECK(flame.beyond + flame.left_out + flame.nodes.size() == deep + 1);
}

TEST_CASE("a long window keeps its largest calls in bounded memory") {
  CallChart chart;
  chart.begin(0, 0);
  const size_t calls = CallChart::kMostKept * 3;
  for (size_t i = 0; i < calls; ++i) {
    chart.begin(1, i);
    chart.end(i % 1000 == 7 ? 500 : 1, false);
  }
  chart.end(1000000, false);
  const Flame flame = chart.drawn(100, 64);
  REQUIRE(flame.nodes.size() == 100);
  CHECK((flame.nodes[0].insns == 1000000 && flame.nodes[0].depth == 0));
  for (size_t i = 1; i < 100; ++i) CHECK((flame.nodes[i].insns == 500 && flame.nodes[i].begin == 1000 * (i - 1) + 7));
  CHECK(flame.left_out == calls + 1 - 100);
}

TEST_CASE("what lies deeper than a drawing goes is counted, not drawn") {
  CallChart chart;
  for (uint32_t i = 0; i < 10; ++i) chart.begin(i, 0);
  for (uint32_t i = 0; i < 10; ++i) chart.end(i + 1, false);
  const Flame flame = chart.drawn(100, 4);
  CHECK((flame.nodes.size() == 4 && flame.left_out == 6 && flame.insns == 10));
}

TEST_CASE("excerpts join near lines, and only source files are read") {
  const auto dir = std::filesystem::temp_directory_path() / fmt::format("tracectl-excerpts-{}", ::getpid());
  std::filesystem::create_directories(dir);
  for (const char* name : {"a.c", "secret.txt"}) {
    std::ofstream out(dir / name);
    for (int i = 1; i <= 40; ++i) out << "line " << i << "\r\n";
  }
  const std::string a = dir / "a.c", secret = dir / "secret.txt";
  const auto excerpts = hot_excerpts(
      {{a, 10, "f", 50}, {a, 14, "f", 60}, {a, 30, "g", 40}, {secret, 3, "h", 30}, {"b.c", 1, "r", 20}, {a, 16, "f", 2}}, 5);
  REQUIRE(excerpts.size() == 4);
  CHECK((excerpts[0].instructions == 112 && excerpts[0].function == "f" && excerpts[0].has_text));
  CHECK((excerpts[0].lines.front().number == 7 && excerpts[0].lines.back().number == 17));
  CHECK(excerpts[0].lines[3].text == "line 10");
  CHECK((excerpts[0].lines[3].instructions == 50 && excerpts[0].lines[9].instructions == 2));
  CHECK((excerpts[1].lines.front().number == 27 && excerpts[1].lines.size() == 7));
  CHECK((excerpts[2].file == secret && !excerpts[2].has_text && excerpts[2].lines.size() == 1));
  CHECK((excerpts[3].file == "b.c" && !excerpts[3].has_text));
  std::filesystem::remove_all(dir);
}

TEST_CASE("the page's data holds no end of script, and bytes that are no UTF-8 are replaced") {
  OneWindow t;
  Flames flames({1});
  Flames::Stream s(flames, t.context);
  Summary summary;
  Summary::Stream sum(summary, t.context);
  some_calls(t, s);
  some_calls(t, sum);
  s.finish();
  sum.finish();
  Report report;
  report.capture = "<c>";
  decode::ImageSet images;
  HtmlReport page;
  page.report = &report;
  page.summary = &summary;
  page.windows = &t.windows;
  page.images = &images;
  page.flames = &flames;
  page.charted = windows_to_chart(t.windows, {}, -1, 0);
  const std::string text = html_data(page);
  CHECK(text.find('<') == std::string::npos);
  const auto json = nlohmann::json::parse(text);
  CHECK(json.at("capture") == "<c>");
  CHECK(json.at("timeline").at("names")[0] == "</script><b>\xef\xbf\xbd");
  CHECK(json.at("timeline").at("lanes")[0].at("windows")[0] == nlohmann::json({0, 0, 8, 1, 22, 0}));
  CHECK(json.at("charts")[0].at("nodes").size() == 4);
  report.loss[LossKind::truncated] = 12345;
  const std::string html = captured([&page](Out& out) { print_html(page, out); });
  CHECK(html.find("<strong>12,345</strong> <code>truncated</code>") != std::string::npos);
  CHECK(html.find("<title>&lt;c&gt;</title>") != std::string::npos);
  CHECK(html.find("{{") == std::string::npos);
}

TEST_CASE("the slowest window of each name is drawn, the names with the most time first") {
  std::vector<Hit> hits;
  const auto add = [&hits](uint64_t begin, uint64_t end, int32_t tid, int name) {
    hits.push_back({Hit::Kind::resume, begin, tid, tid, -1, name});
    hits.push_back({Hit::Kind::pause, end, tid, tid, -1, name});
  };
  add(10, 20, 1, 0);
  add(30, 45, 2, 0);
  add(50, 65, 1, 0);
  add(70, 170, 1, 1);
  hits.push_back({Hit::Kind::resume, 200, 1, 1, -1, 2});
  const auto windows = decode::WindowSet::from_hits(hits, {"a", "b", "open"}, true);
  using Numbers = std::vector<uint64_t>;
  CHECK(windows_to_chart(windows, {}, -1, 0) == Numbers{4, 2});
  CHECK(windows_to_chart(windows, {}, 1, 0) == Numbers{4, 3});
  CHECK(windows_to_chart(windows, {}, 2, 0) == Numbers{2});
  CHECK(windows_to_chart(windows, {{"b", 0, 1, 500}}, -1, 0) == Numbers{2});
  CHECK(windows_to_chart(windows, {}, -1, 5) == Numbers{5});
}

TEST_CASE("numbers are grouped by thousands") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(1234567) == "1,234,567");
}
