// SPDX-License-Identifier: MIT
#include "core/capture/capture_json.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace tracectl;

namespace {

ResolvedPlan plan() {
  ResolvedPlan p;
  p.title = "What does a slow qsort do?";
  p.start_paused = true;
  ResolvedTrigger begin, end;
  begin.name = end.name = "qsort";
  begin.on = "uprobe:libc.so.6:qsort";
  end.on = "uretprobe:libc.so.6:qsort";
  begin.kind = TriggerKind::uprobe;
  end.kind = TriggerKind::uretprobe;
  end.action = Action::pause;
  begin.window = end.window = 0;
  p.triggers = {begin, end};
  ResolvedWindow window;
  window.name = "qsort";
  window.resume = 0;
  window.pause = 1;
  window.longer_than = std::chrono::milliseconds(1);
  p.windows = {window};
  return p;
}

nlohmann::json written(const capture::CaptureSummary& s) { return nlohmann::json::parse(capture::capture_json(s)); }

}  // namespace

TEST_CASE("capture.json names plan, machine and command") {
  const ResolvedPlan p = plan();
  capture::CaptureSummary s;
  s.plan = &p;
  s.command = {"./app", "-x"};
  const auto j = written(s);
  CHECK(j["title"] == "What does a slow qsort do?");
  CHECK(j["backend"] == "intel_pt");
  CHECK(j["machine"] == "emulated");
  CHECK(j["start_paused"] == true);
  CHECK(j["command"] == nlohmann::json({"./app", "-x"}));
  CHECK_FALSE(j.contains("windows"));
}

TEST_CASE("capture.json has the periods that the plan asks for") {
  ResolvedPlan p = plan();
  capture::CaptureSummary s;
  s.plan = &p;
  CHECK_FALSE(written(s)["plan"].contains("collect"));
  p.collect = {std::chrono::seconds(1), std::chrono::milliseconds(20), 4096, false};
  const nlohmann::json wanted = {{"every_ns", 1'000'000'000}, {"for_ns", 20'000'000}, {"max_bytes", 4096}};
  CHECK(written(s)["plan"]["collect"] == wanted);
}

TEST_CASE("capture.json has every kind of loss, 0 or not") {
  const ResolvedPlan p = plan();
  capture::CaptureSummary s;
  s.plan = &p;
  s.loss[LossKind::truncated] = 3;
  const auto j = written(s);
  CHECK(j["loss"].size() == kLossKinds);
  CHECK(j["loss"]["truncated"] == 3);
  CHECK(j["loss"]["cut_file"] == 0);
}

TEST_CASE("capture.json ties triggers to windows and to the ids of samples") {
  const ResolvedPlan p = plan();
  capture::CaptureSummary s;
  s.plan = &p;
  s.event_ids = {{7}, {8, 9}};
  s.windows = 5;
  const auto j = written(s);
  CHECK(j["windows"] == 5);
  CHECK(j["plan"]["windows"][0]["longer_than_ns"] == 1000000);
  CHECK(j["plan"]["windows"][0]["pause"] == 1);
  CHECK(j["plan"]["triggers"][0]["event_id"] == 7);
  CHECK(j["plan"]["triggers"][1]["event_ids"] == nlohmann::json({8, 9}));
  CHECK(j["plan"]["triggers"][1]["action"] == "pause");
  CHECK(j["plan"]["triggers"][1]["kind"] == "uretprobe");
}

TEST_CASE("capture.json survives text that is no UTF-8") {
  const ResolvedPlan p = plan();
  capture::CaptureSummary s;
  s.plan = &p;
  s.command = {"\xff\xfe"};
  CHECK(written(s)["command"].size() == 1);
}
