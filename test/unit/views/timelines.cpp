// SPDX-License-Identifier: MIT
// The timeline exports: Perfetto's bytes, read back by a parser of the test's own, and
// speedscope's JSON, held against the rules of its specification.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "test/unit/views/fixture.hpp"
#include "views/perfetto.hpp"
#include "views/speedscope.hpp"
#include "views/utf8.hpp"

using namespace tracectl;
using namespace tracectl::views;
using namespace tracectl::views::test;
using decode::Hit;

namespace {

// One field of a message: a varint's value, or the bytes of a length-delimited one.
struct Field {
  uint32_t number = 0;
  uint64_t value = 0;
  std::string_view bytes;
};

uint64_t read_varint(std::string_view& in) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    REQUIRE_FALSE(in.empty());
    const auto byte = static_cast<uint8_t>(in.front());
    in.remove_prefix(1);
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
  FAIL("a varint of more than ten bytes");
  return 0;
}

std::vector<Field> fields(std::string_view in) {
  std::vector<Field> out;
  while (!in.empty()) {
    const uint64_t key = read_varint(in);
    Field f;
    f.number = static_cast<uint32_t>(key >> 3);
    REQUIRE(((key & 7) == 0 || (key & 7) == 2));
    f.value = read_varint(in);
    if ((key & 7) == 2) {
      REQUIRE(f.value <= in.size());
      f.bytes = in.substr(0, f.value);
      in.remove_prefix(f.value);
    }
    out.push_back(f);
  }
  return out;
}

const Field* find(const std::vector<Field>& in, uint32_t number) {
  for (const Field& f : in)
    if (f.number == number) return &f;
  return nullptr;
}

uint64_t number(const std::vector<Field>& in, uint32_t field) {
  const Field* f = find(in, field);
  return f == nullptr ? 0 : f->value;
}

std::string text(const std::vector<Field>& in, uint32_t field) {
  const Field* f = find(in, field);
  return f == nullptr ? "" : std::string(f->bytes);
}

struct ReadEvent {
  uint64_t time = 0, type = 0, track = 0;
  std::string name, category;
  std::map<std::string, std::string> annotations;
  std::string source;
};

// A Perfetto trace as this project writes them, with the rules that its readers need checked.
struct ReadTrace {
  std::map<uint64_t, std::string> tracks;  // what they are
  std::map<uint64_t, uint64_t> parents;
  std::vector<ReadEvent> events;
  size_t packets = 0;

  explicit ReadTrace(std::string_view bytes) {
    for (const Field& f : fields(bytes)) {
      REQUIRE(f.number == 1);
      packet(fields(f.bytes));
    }
  }
  [[nodiscard]] std::vector<ReadEvent> on(const std::string& track) const {
    std::vector<ReadEvent> out;
    for (const ReadEvent& e : events)
      if (tracks.at(e.track) == track) out.push_back(e);
    return out;
  }

 private:
  std::map<uint32_t, std::map<uint64_t, std::string>> interned_;

  void packet(const std::vector<Field>& p) {
    CHECK(number(p, 10) == 1);
    CHECK(number(p, 13) == (packets == 0 ? 1 : 2));
    ++packets;
    if (const Field* data = find(p, 12))
      for (const Field& entry : fields(data->bytes)) {
        const auto e = fields(entry.bytes);
        const auto value = entry.number == 4 ? text(e, 3) + ":" + std::to_string(number(e, 4)) : text(e, 2);
        CHECK(interned_[entry.number].emplace(number(e, 1), value).second);
      }
    if (const Field* track = find(p, 60)) describe(fields(track->bytes));
    if (const Field* event = find(p, 11)) add(number(p, 8), fields(event->bytes));
  }
  void describe(const std::vector<Field>& t) {
    std::string what = text(t, 2);
    if (const Field* process = find(t, 3))
      what = "process " + std::to_string(number(fields(process->bytes), 1)) + " " + text(fields(process->bytes), 6);
    if (const Field* thread = find(t, 4)) what = "thread " + std::to_string(number(fields(thread->bytes), 2));
    CHECK(tracks.emplace(number(t, 1), what).second);
    if (find(t, 5) != nullptr) CHECK(tracks.count(number(t, 5)) == 1);
    parents[number(t, 1)] = number(t, 5);
  }
  void add(uint64_t time, const std::vector<Field>& e) {
    ReadEvent out;
    out.time = time;
    out.type = number(e, 9);
    out.track = number(e, 11);
    CHECK(tracks.count(out.track) == 1);
    if (find(e, 10) != nullptr) out.name = interned_.at(2).at(number(e, 10));
    if (find(e, 3) != nullptr) out.category = interned_.at(1).at(number(e, 3));
    if (find(e, 34) != nullptr) out.source = interned_.at(4).at(number(e, 34));
    for (const Field& f : e) {
      if (f.number != 4) continue;
      const auto a = fields(f.bytes);
      out.annotations[interned_.at(3).at(number(a, 1))] = find(a, 6) != nullptr ? text(a, 6) : std::to_string(number(a, 3));
    }
    events.push_back(out);
  }
};

// f0 calls f1, which calls f2; two windows of one thread, the second without an end.
void two_windows(Thread& t, decode::ItemSink& s) {
  t.time = 100;
  t.run(s, t.at(0), 4, BranchKind::call, t.at(1));
  t.run(s, t.at(1), 2, BranchKind::call, t.at(2));
  t.run(s, t.at(2), 2, BranchKind::ret, t.at(1, 2));
  t.run(s, t.at(1, 2), 2, BranchKind::ret, t.at(0, 4));
  t.time = 150;
  t.run(s, t.at(0, 4), 5, BranchKind::ret, t.at(7, 3));  // where nothing runs any more
  t.time = 300;
  t.run(s, t.at(3), 3, BranchKind::syscall, 0);
}

decode::WindowSet windows_of_thread() {
  return decode::WindowSet::from_hits(
      {{Hit::Kind::resume, 90, 1, 1, -1, 0}, {Hit::Kind::pause, 200, 1, 1, -1, 0}, {Hit::Kind::resume, 290, 1, 1, -1, 1}},
      {"first", "second"}, true);
}

std::string perfetto_of(Thread& t, const std::function<void(Perfetto&, Perfetto::Stream&)>& fill) {
  decode::ImageSet images;
  images.add_comm(1, "prog");
  return captured([&](Out& out) {
    Perfetto trace(images, out);
    for (const decode::Window& w : t.windows.all()) trace.window(w, t.windows.names()[w.name]);
    Perfetto::Stream stream(trace, t.context);
    fill(trace, stream);
  });
}

// "O:f0@100 C:f0@150 ..." of one speedscope profile, after every rule of the format is checked.
std::string checked_profile(const nlohmann::json& file, const nlohmann::json& profile) {
  const auto& frames = file.at("shared").at("frames");
  CHECK(profile.at("type") == "evented");
  CHECK(profile.at("unit") == "nanoseconds");
  CHECK(profile.at("name").is_string());
  uint64_t now = profile.at("startValue").get<uint64_t>();
  std::vector<size_t> open;
  std::string out;
  for (const auto& e : profile.at("events")) {
    const auto frame = e.at("frame").get<size_t>();
    REQUIRE(frame < frames.size());
    CHECK(e.at("at").get<uint64_t>() >= now);
    now = e.at("at").get<uint64_t>();
    if (e.at("type") == "O") {
      open.push_back(frame);
    } else {
      CHECK(e.at("type") == "C");
      REQUIRE_FALSE(open.empty());
      CHECK(open.back() == frame);
      open.pop_back();
    }
    out += fmt::format("{}:{}@{} ", e.at("type").get<std::string>(), frames[frame].at("name").get<std::string>(), now);
  }
  CHECK(open.empty());
  CHECK(profile.at("endValue").get<uint64_t>() >= now);
  return out;
}

nlohmann::json speedscope_of(const std::function<void(Speedscope&)>& fill, uint64_t start = 0) {
  const std::string written = captured([&](Out& out) {
    Speedscope file("a \"title\" \xff", start, out);
    fill(file);
    file.finish();
  });
  auto json = nlohmann::json::parse(written);
  CHECK(json.at("$schema") == "https://www.speedscope.app/file-format-schema.json");
  CHECK(json.at("name") == "a \"title\" \xef\xbf\xbd");
  return json;
}

}  // namespace

TEST_CASE("bytes that are no UTF-8 are replaced one by one") {
  CHECK(valid_utf8("caf\xc3\xa9 \xe2\x86\x92 \xf0\x9f\x98\x80") == "caf\xc3\xa9 \xe2\x86\x92 \xf0\x9f\x98\x80");
  const std::string r = "\xef\xbf\xbd";
  CHECK(valid_utf8("a\xff\xc3") == "a" + r + r);
  CHECK(valid_utf8("\xc0\xaf") == r + r);                  // overlong
  CHECK(valid_utf8("\xed\xa0\x80") == r + r + r);          // a surrogate
  CHECK(valid_utf8("\xf4\x90\x80\x80") == r + r + r + r);  // above U+10FFFF
  CHECK(html_escaped("<b a=\"'\">&\x01") == "&lt;b a=&quot;&#39;&quot;&gt;&amp;" + r);
}

TEST_CASE("a perfetto trace has the calls of a thread as slices that nest") {
  Thread t;
  t.windows = windows_of_thread();
  const ReadTrace trace(perfetto_of(t, [&t](Perfetto&, Perfetto::Stream& s) {
    two_windows(t, s);
    s.finish();
  }));
  std::string steps;
  for (const ReadEvent& e : trace.on("thread 1"))
    steps += fmt::format("{}{}@{}{} ", e.type == 1 ? "+" : "-", e.name, e.time,
                         e.type == 2 ? " " + e.annotations.at("instructions") : "");
  // 10 instructions from 100 to 150, 5 more until the window's end; f7 did not run.
  CHECK(steps == "+f0@100 +f1@120 +f2@130 -@140 2 -@150 6 -@200 15 +f3@300 -@300 3 ");
  CHECK(trace.on("thread 1")[0].category == "call");
  CHECK(trace.parents.at(trace.on("thread 1")[0].track) != 0);
}

TEST_CASE("a perfetto trace has windows by name; an open one has no end") {
  Thread t;
  t.windows = windows_of_thread();
  const ReadTrace trace(perfetto_of(t, [](Perfetto&, Perfetto::Stream& s) { s.finish(); }));
  const auto windows = trace.on("windows");
  REQUIRE(windows.size() == 3);
  CHECK((windows[0].type == 1 && windows[0].name == "first" && windows[0].time == 90));
  CHECK(windows[0].annotations.at("window") == "1");
  CHECK((windows[1].type == 2 && windows[1].time == 200));
  CHECK((windows[2].type == 1 && windows[2].name == "second" && windows[2].time == 290));
  CHECK(trace.tracks.at(trace.parents.at(windows[0].track)) == "thread 1");
}

TEST_CASE("trigger hits are instants, losses stand where they happened with kind and amount") {
  Thread t;
  const ReadTrace trace(perfetto_of(t, [&t](Perfetto& p, Perfetto::Stream& s) {
    p.hit({50, 1, 1, -1, 0x1000, "enter <f>\xff", Action::pause});
    capture::Record record;
    record.time = 70;
    record.pid = record.tid = 1;
    p.loss(record, LossKind::lost_records, 12);
    p.loss(record, LossKind::partial, 0);
    t.time = 80;
    t.run(s, t.at(0), 4, BranchKind::call, t.at(1));
    s.on_loss({85, 1, 1, -1, 4711}, {LossKind::undecodable, 0, 99, "bad packet"});
    s.finish();
    CHECK(s.losses() == 1);
    p.loss_somewhere(LossKind::missed_trigger, 3);
  }));
  const auto hits = trace.on("triggers");
  REQUIRE(hits.size() == 1);
  CHECK((hits[0].type == 3 && hits[0].time == 50 && hits[0].name == "enter <f>\xef\xbf\xbd"));
  CHECK((hits[0].annotations.at("action") == "pause" && hits[0].annotations.at("address") == "0x1000"));
  const auto losses = trace.on("losses");
  REQUIRE(losses.size() == 2);
  CHECK((losses[0].time == 70 && losses[0].annotations.at("kind") == "lost_records"));
  CHECK(losses[0].annotations.at("amount") == "12");
  CHECK((losses[1].time == 85 && losses[1].annotations.at("bytes_skipped") == "99"));
  CHECK((losses[1].annotations.at("what") == "bad packet" && losses[1].annotations.at("trace_offset") == "4711"));
  const auto somewhere = trace.on("losses, place unknown");
  REQUIRE(somewhere.size() == 1);
  CHECK((somewhere[0].annotations.at("amount") == "3" && somewhere[0].annotations.at("kind") == "missed_trigger"));
}

TEST_CASE("a name is written once, however often it is called") {
  Thread t;
  const auto size = [&t](int calls) {
    return perfetto_of(t,
                       [&t, calls](Perfetto&, Perfetto::Stream& s) {
                         for (int i = 0; i < calls; ++i) {
                           t.run(s, t.at(0), 1, BranchKind::call, t.at(1));
                           t.run(s, t.at(1), 1, BranchKind::ret, t.at(0, 1));
                           t.run(s, t.at(0, 1), 1, BranchKind::jump, t.at(0));
                         }
                         s.finish();
                       })
        .size();
  };
  CHECK(size(1000) - size(999) == size(3) - size(2));
}

TEST_CASE("what waits too long for its time gets the last one, and nothing is lost") {
  Thread t;
  size_t events = 0;
  const ReadTrace trace(perfetto_of(t, [&t, &events](Perfetto&, Perfetto::Stream& s) {
    for (size_t i = 0; i < TimedCalls::kMostWaiting / 2 + 10; ++i) {
      t.run(s, t.at(0), 1, BranchKind::call, t.at(1));
      t.run(s, t.at(1), 1, BranchKind::ret, t.at(0, 1));
      events += 2;
    }
    s.finish();
  }));
  CHECK(trace.on("thread 1").size() == events + 2);
}

TEST_CASE("a speedscope profile nests, is monotone and names its frames") {
  Thread t;
  t.windows = windows_of_thread();
  const auto file = speedscope_of(
      [&t](Speedscope& f) {
        Speedscope::Stream s(f, t.context);
        two_windows(t, s);
        s.finish();
        s.close_profile();
      },
      40);
  REQUIRE(file.at("profiles").size() == 1);
  const auto& profile = file.at("profiles")[0];
  CHECK(checked_profile(file, profile) == "O:f0@60 O:f1@80 O:f2@90 C:f2@100 C:f1@110 C:f0@160 O:f3@260 C:f3@260 ");
  CHECK((profile.at("startValue") == 60 && profile.at("endValue") == 260));
  CHECK(profile.at("name") == "prog 1");
  CHECK(file.at("shared").at("frames").size() == 4);
}

TEST_CASE("speedscope profiles of several threads share frames; a loss is in the name") {
  Thread t;
  const auto file = speedscope_of([&t](Speedscope& f) {
    for (int i = 0; i < 3; ++i) {
      Speedscope::Stream s(f, t.context);
      if (i != 1) {  // the second thread ran nothing
        t.run(s, t.at(0), 4, BranchKind::call, t.at(1));
        t.run(s, t.at(1), 4, BranchKind::ret, t.at(0, 4));
      }
      if (i == 2) s.on_loss({t.time, 1, 1, -1, 0}, {LossKind::undecodable, 0, 1, "x"});
      s.finish();
      s.close_profile();
    }
  });
  REQUIRE(file.at("profiles").size() == 2);
  for (const auto& profile : file.at("profiles")) checked_profile(file, profile);
  CHECK(file.at("shared").at("frames").size() == 2);
  CHECK(file.at("profiles")[1].at("name") == "prog 1 (trace lost at 1 place)");
}
