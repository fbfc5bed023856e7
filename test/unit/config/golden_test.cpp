// SPDX-License-Identifier: MIT
// test/golden/plans: good/X.toml resolves to good/X.resolved, bad/X.toml says bad/X.err.
// TRACECTL_UPDATE_GOLDEN=1 writes the expectations anew; read the difference before a commit.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/parse.hpp"
#include "config/print.hpp"
#include "config/resolve.hpp"
#include "fixed_host.hpp"

using namespace tracectl;
namespace fs = std::filesystem;

namespace {

const fs::path kPlans = fs::path(TRACECTL_SOURCE_DIR) / "test/golden/plans";

std::string slurp(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

struct Outcome {
  std::string resolved, messages;
  int code = 0;
};

// Plans that name the kernel machine meet a computer that has Intel PT, or the trace unit that they name.
HostFacts host_for(const std::string& text) {
  if (text.find("machine = \"kernel\"") == std::string::npos) return plain_host();
  return text.find("backend = \"coresight\"") == std::string::npos ? pt_host() : etm_host();
}

Outcome check(const fs::path& path) {
  const std::string text = slurp(path);
  const HostFacts host = host_for(text);
  Diagnostics diagnostics;
  Outcome out;
  const auto plan = parse_plan(std::make_shared<const SourceText>(SourceText{path.filename().string(), text}), diagnostics);
  if (plan) {
    const auto resolved = resolve(*plan, host, ProgramFacts{}, diagnostics);
    CHECK(resolved.has_value() == !diagnostics.has_errors());
    if (resolved) out.resolved = print_plan(*resolved, host);
  }
  out.messages = diagnostics.text();
  out.code = diagnostics.exit_code();
  return out;
}

void compare(const fs::path& path, const std::string& got) {
  if (std::getenv("TRACECTL_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << got;
  INFO(path);
  REQUIRE(fs::exists(path));
  CHECK(got == slurp(path));
}

std::vector<fs::path> plans_in(const char* folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(kPlans / folder))
    if (entry.path().extension() == ".toml") out.push_back(entry.path());
  return out;
}

}  // namespace

TEST_CASE("good plans resolve to their expected text") {
  REQUIRE(plans_in("good").size() >= 10);
  for (const fs::path& path : plans_in("good")) {
    const Outcome out = check(path);
    CHECK(out.code == 0);
    compare(fs::path(path).replace_extension(".resolved"), out.messages + out.resolved);
  }
}

TEST_CASE("bad plans say what is wrong, where, and the way out") {
  REQUIRE(plans_in("bad").size() >= 80);
  for (const fs::path& path : plans_in("bad")) {
    INFO(path);
    const Outcome out = check(path);
    CHECK(out.resolved.empty());
    CHECK(out.code != 0);
    compare(fs::path(path).replace_extension(".err"), out.messages + "exit code " + std::to_string(out.code) + "\n");
  }
}

TEST_CASE("the examples say their question first and resolve") {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(TRACECTL_SOURCE_DIR) / "examples")) {
    if (entry.path().extension() != ".toml") continue;
    ++count;
    const std::string text = slurp(entry.path());
    const std::string first = text.substr(0, text.find('\n'));
    INFO(entry.path());
    CHECK(first.substr(0, 2) == "# ");
    CHECK(first.back() == '?');
    Diagnostics diagnostics;
    const auto plan = parse_plan(std::make_shared<const SourceText>(SourceText{"example", text}), diagnostics);
    REQUIRE(plan.has_value());
    (void)resolve(*plan, pt_host(), ProgramFacts{}, diagnostics);
    CHECK(diagnostics.text() == "");
  }
  CHECK(count >= 4);
}
