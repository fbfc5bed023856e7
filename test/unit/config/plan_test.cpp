// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "config/parse.hpp"
#include "config/print.hpp"
#include "config/resolve.hpp"
#include "config/template.hpp"
#include "fixed_host.hpp"

using namespace tracectl;

namespace {

std::optional<Plan> parse(const std::string& text, Diagnostics& diagnostics) {
  return parse_plan(std::make_shared<const SourceText>(SourceText{"plan.toml", text}), diagnostics);
}

std::optional<ResolvedPlan> resolve_text(const std::string& text, const HostFacts& host, const ProgramFacts& program = {}) {
  Diagnostics diagnostics;
  const auto plan = parse(text, diagnostics);
  REQUIRE(plan.has_value());
  auto out = resolve(*plan, host, program, diagnostics);
  INFO(diagnostics.text());
  CHECK_FALSE(diagnostics.has_errors());
  return out;
}

// "buffer.size" for every key under a schema node.
void schema_keys(const nlohmann::json& node, const std::string& path, std::set<std::string>* out) {
  for (const auto& [key, value] : node.at("properties").items()) {
    const std::string name = path.empty() ? key : path + "." + key;
    if (value.contains("properties"))
      schema_keys(value, name, out);
    else if (value.contains("items") && value["items"].contains("properties"))
      schema_keys(value["items"], name, out);
    else
      out->insert(name);
  }
}

}  // namespace

TEST_CASE("the schema has exactly the keys of the parser") {
  std::ifstream file(TRACECTL_SOURCE_DIR "/config/plan.schema.json");
  REQUIRE(file);
  std::set<std::string> schema, parser;
  schema_keys(nlohmann::json::parse(file), "", &schema);
  for (const KeyInfo& key : plan_keys()) parser.insert(key.table.empty() ? key.key : key.table + "." + key.key);
  CHECK(schema == parser);
}

TEST_CASE("the template parses as it is and resolves to the defaults") {
  const auto plan = resolve_text(plan_template(""), plain_host());
  const auto minimal = resolve_text("plan = 1\n", plain_host());
  REQUIRE(plan.has_value());
  REQUIRE(minimal.has_value());
  CHECK(print_plan(*plan, plain_host()) == print_plan(*minimal, plain_host()));
}

TEST_CASE("every key of the template parses once its # is taken away") {
  std::istringstream lines(plan_template(""));
  std::string text, line;
  while (std::getline(lines, line)) {
    const bool key = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    text += (key ? line.substr(1) : line) + "\n";
  }
  Diagnostics diagnostics;
  const auto plan = parse(text, diagnostics);
  CHECK(diagnostics.text() == "");
  REQUIRE(plan.has_value());
  CHECK(plan->triggers.size() == 3);
  CHECK(plan->windows.size() == 3);
  for (const KeyInfo& key : plan_keys()) {
    INFO(key.table << "." << key.key);
    CHECK((text.find("\n" + key.key + " = ") != std::string::npos));
  }
}

TEST_CASE("a window becomes a resume and a pause that know it") {
  const auto plan = resolve_text("plan = 1\n[[window]]\nfunction = \"libc.so.6:qsort\"\nlimit = 2\n", plain_host());
  REQUIRE(plan.has_value());
  REQUIRE(plan->triggers.size() == 2);
  CHECK(plan->triggers[0].kind == TriggerKind::uprobe);
  CHECK(plan->triggers[1].kind == TriggerKind::uretprobe);
  CHECK(plan->triggers[1].where.object == "libc.so.6");
  CHECK(plan->triggers[1].window == 0);
  CHECK(plan->windows[0].limit == 2u);
  CHECK(plan->start_paused);
}

TEST_CASE("nothing is left undecided") {
  const auto plan = resolve_text("plan = 1\n", plain_host());
  REQUIRE(plan.has_value());
  CHECK(plan->machine == MachineKind::emulated);
  CHECK(plan->machine_why == "there is no intel_pt PMU on this machine (Test CPU without trace)");
  CHECK(plan->buffer.wakeup == 1u << 20);
  CHECK(plan->buffer.on_full == OnFull::wait);
  CHECK_FALSE(plan->start_paused);
  CHECK(plan->source_text == "plan = 1\n");
}

TEST_CASE("a machine with Intel PT uses it") {
  const MachineChoice choice = choose_machine(BackendKind::intel_pt, pt_host());
  CHECK(choice.machine == MachineKind::kernel);
  CHECK(choice.why == "this machine has the intel_pt PMU");
}

TEST_CASE("the kernel machine stops at a full buffer, and cannot let the program wait") {
  const auto plan = resolve_text("plan = 1\n[trace]\nmachine = \"kernel\"\n", pt_host());
  REQUIRE(plan.has_value());
  CHECK(plan->buffer.on_full == OnFull::stop);
}

TEST_CASE("capabilities that the PMU lacks are refused by name") {
  Diagnostics diagnostics;
  const auto plan =
      parse("plan = 1\n[trace]\nmachine = \"kernel\"\n[trace.intel_pt]\nptw = true\npsb_period = 9\n", diagnostics);
  REQUIRE(plan.has_value());
  CHECK_FALSE(resolve(*plan, pt_host(), {}, diagnostics).has_value());
  CHECK(diagnostics.exit_code() == 3);
  CHECK(diagnostics.text().find("caps/ptwrite is 0") != std::string::npos);
  CHECK(diagnostics.text().find("caps/psb_periods is 3f") != std::string::npos);
}

TEST_CASE("programs for other processors are refused") {
  for (uint16_t machine : {uint16_t{3}, uint16_t{40}}) {
    Diagnostics diagnostics;
    const auto plan = parse("plan = 1\n", diagnostics);
    CHECK_FALSE(resolve(*plan, plain_host(), ProgramFacts{"/bin/other", "", machine}, diagnostics).has_value());
    CHECK(diagnostics.exit_code() == 3);
  }
}

TEST_CASE("the JSON of a plan parses and names its triggers") {
  const auto plan = resolve_text("plan = 1\n[[window]]\nfunction = \"app:f\"\n", plain_host());
  REQUIRE(plan.has_value());
  const auto json = nlohmann::json::parse(print_plan_json(*plan, plain_host()));
  CHECK(json["triggers"].size() == 2);
  CHECK(json["triggers"][0]["place"] == "app:f");
  CHECK(json["buffer"]["size"] == 4 << 20);
  CHECK(json["windows"][0]["limit"].is_null());
}

TEST_CASE("the JSON of a plan has its periods in ns and bytes") {
  const auto json_of = [](const std::string& more) {
    const auto plan = resolve_text("plan = 1\n" + more, plain_host());
    REQUIRE(plan.has_value());
    return nlohmann::json::parse(print_plan_json(*plan, plain_host()));
  };
  CHECK(json_of("")["collect"].is_null());
  const auto json =
      json_of("[trace]\nstart = \"paused\"\n[collect]\nevery = \"1s\"\nfor = \"20ms\"\nmax_bytes = \"4KiB\"\n");
  CHECK(json["collect"] == nlohmann::json({{"every", 1'000'000'000}, {"for", 20'000'000}, {"max_bytes", 4096}}));
  CHECK(json["start"] == "paused");
  CHECK(json["perf"]["commands"].empty());
}

TEST_CASE("options read as the keys of a plan") {
  Diagnostics diagnostics;
  Plan plan;
  const auto source = std::make_shared<const SourceText>(SourceText{"--window", "function=qsort"});
  read_option(plan, "window", {source, 1, 1, 14}, {{"function", "qsort", {source, 1, 10, 5}}}, diagnostics);
  read_option(plan, "buffer", {}, {{"size", "8MiB", {}}}, diagnostics);
  CHECK(plan.buffer.size.value == 8u << 20);
  CHECK_FALSE(resolve(plan, plain_host(), {}, diagnostics).has_value());
  CHECK(diagnostics.text().find("--window:1:10: error: the object is missing\n    function=qsort\n             ^~~~~\n") ==
        0);
}

TEST_CASE("trace units that cannot be paused are told before anything runs") {
  const std::string text = "plan = 1\n[trace]\nbackend = \"coresight\"\nmachine = \"kernel\"\n";
  const std::string window = "[[window]]\nfunction = \"app:parse\"\n";
  HostFacts host = etm_host();
  const auto said = [&](const std::string& plan_text) {
    Diagnostics diagnostics;
    const auto plan = parse(plan_text, diagnostics);
    REQUIRE(plan.has_value());
    const auto out = resolve(*plan, host, {}, diagnostics);
    std::string words = diagnostics.text();
    for (const auto& note : out ? out->notes : std::vector<std::string>{}) words += note + "\n";
    return words;
  };
  CHECK(said(text + window).find("ETMv3") == std::string::npos);
  host.pmus["cs_etm"].other_units = 2;
  CHECK(said(text + window).find("the trace units of this machine are ETMv3, which cannot be paused") != std::string::npos);
  CHECK(said(text).find("ETMv3") == std::string::npos);
  host.pmus["cs_etm"].pausing_units = 4;
  CHECK(said(text + window).find("2 of 6 trace units are ETMv3") != std::string::npos);
}
