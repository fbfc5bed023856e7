// SPDX-License-Identifier: MIT
// A PMU's own terms, from its folder.
#include "machines/kernel/event_terms.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "core/perf/uapi.hpp"

using namespace tracectl;
using namespace tracectl::kernel;

namespace {

struct Machine {
  std::filesystem::path root = std::filesystem::temp_directory_path() / ("tracectl-terms-" + std::to_string(getpid()));
  HostFacts host;
  Machine() {
    file("type", "4");
    file("format/event", "config:0-7");
    file("format/umask", "config:8-15");
    file("format/far", "config1:0-3,32-35");
    file("format/edge", "config:18");
    file("events/branch-misses", "event=0xc5,umask=0x1");
    file("events/branch-misses.scale", "1");
    host.root = root.string();
  }
  ~Machine() { std::filesystem::remove_all(root); }
  void file(const std::string& name, const std::string& text) const {
    const auto path = root / "sys/bus/event_source/devices/cpu" / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
  }
  [[nodiscard]] EventTerms good(const std::string& text) const {
    const auto found = find_event_terms(text, host);
    REQUIRE(found);
    REQUIRE(found->has_value());
    return **found;
  }
  [[nodiscard]] std::string bad(const std::string& text) const {
    const auto found = find_event_terms(text, host);
    REQUIRE_FALSE(found);
    return found.error().message();
  }
};

}  // namespace

TEST_CASE("terms go to the bits that the PMU's format names") {
  const Machine m;
  CHECK(m.good("cpu/event=0xc4,umask=0x20/").config[0] == 0x20c4);
  CHECK(m.good("cpu/event=196/").config[0] == 0xc4);
  CHECK(m.good("cpu/event=1,edge/").config[0] == (1 | 1 << 18));
  CHECK(m.good("cpu/far=0xab/").config[1] == (0xbULL | 0xaULL << 32));
  CHECK(m.good("cpu/branch-misses/").config[0] == 0x1c5);
  CHECK(m.good("cpu/config=0x1234/").config[0] == 0x1234);
  CHECK(m.good("cpu/event=0xc4/").type == 4);
}

TEST_CASE("raw events and names that are no terms") {
  const Machine m;
  CHECK(m.good("r1c4").config[0] == 0x1c4);
  CHECK(m.good("r1c4").type == PERF_TYPE_RAW);
  CHECK_FALSE(find_event_terms("page-faults", m.host)->has_value());
  CHECK_FALSE(find_event_terms("ref-cycles", m.host)->has_value());
}

TEST_CASE("what a PMU does not have is named, with what it has") {
  const Machine m;
  CHECK(m.bad("gpu/event=1/").find("there is no PMU gpu") != std::string::npos);
  CHECK(m.bad("gpu/event=1/").find("it has: cpu") != std::string::npos);
  CHECK(m.bad("cpu/evnt=1/").find("no term or event 'evnt'") != std::string::npos);
  CHECK(m.bad("cpu/evnt=1/").find("branch-misses") != std::string::npos);
  CHECK(m.bad("cpu/event=0x100/").find("does not fit") != std::string::npos);
  CHECK(m.bad("cpu/event=one/").find("no number") != std::string::npos);
}
