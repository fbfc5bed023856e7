// SPDX-License-Identifier: MIT
#include "core/host.hpp"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/run_tool.hpp"

using namespace tracectl;

namespace {

HostFacts host(const std::string& name) { return read_host(std::string(TRACECTL_SOURCE_DIR) + "/test/hosts/" + name); }

// Sets a variable for one test and puts the old value back.
class Env {
 public:
  Env(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Env() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }
  Env(const Env&) = delete;
  Env& operator=(const Env&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

// A directory with one shell script `name` that prints what a tool would.
class FakeTool {
 public:
  FakeTool(const std::string& name, const std::string& body) {
    char dir[] = "/tmp/tracectl-tool-XXXXXX";
    dir_ = ::mkdtemp(dir);
    std::ofstream(path(name)) << "#!/bin/sh\n" << body << "\n";
    std::filesystem::permissions(path(name), std::filesystem::perms::owner_all);
  }
  ~FakeTool() { std::filesystem::remove_all(dir_); }
  FakeTool(const FakeTool&) = delete;
  FakeTool& operator=(const FakeTool&) = delete;
  [[nodiscard]] std::string path(const std::string& name) const { return dir_ + "/" + name; }
  [[nodiscard]] const std::string& dir() const { return dir_; }

 private:
  std::string dir_;
};

HostFacts probed_with_qemu(const std::string& qemu) {
  const Env env("TRACECTL_QEMU", qemu);
  HostFacts facts;
  probe_host(facts);
  return facts;
}

}  // namespace

TEST_CASE("a PT desktop has the capabilities and the format of intel_pt") {
  const auto f = host("pt_desktop");
  REQUIRE(f.pmus.count("intel_pt") == 1);
  const auto& pt = f.pmus.at("intel_pt");
  CHECK(pt.type == 10);
  CHECK(pt.nr_addr_filters == 2);
  CHECK(pt.caps.at("topa_multiple_entries") == "1");
  CHECK(pt.caps.at("psb_periods") == "3f");
  CHECK(pt.format.at("mtc_period") == "config:14-17");
  CHECK(pt.sinks.empty());
}

TEST_CASE("kernel, cpus and limits come from proc") {
  const auto f = host("pt_desktop");
  CHECK(f.kernel_release == "6.19.0");
  CHECK(f.cpu_model == "12th Gen Intel(R) Core(TM) i7-12700");
  CHECK(f.cpus == 4);
  CHECK(f.perf_event_paranoid == 2);
  CHECK(f.perf_event_mlock_kb == 516);
  CHECK(std::count(f.cpu_flags.begin(), f.cpu_flags.end(), "intel_pt") == 1);
}

TEST_CASE("the first generation of PT has a single ToPA entry and no address filters") {
  const auto f = host("pt_no_topa_multi");
  const auto& pt = f.pmus.at("intel_pt");
  CHECK(pt.caps.at("topa_multiple_entries") == "0");
  CHECK(pt.nr_addr_filters == 0);
  CHECK(pt.format.count("notnt") == 0);
}

TEST_CASE("tracefs counts as readable only where its files open") {
  CHECK(host("pt_desktop").tracefs);
  CHECK_FALSE(host("pt_no_topa_multi").tracefs);
}

TEST_CASE("a TRBE server has a sink for each cpu") {
  const auto f = host("trbe_server");
  const auto& etm = f.pmus.at("cs_etm");
  CHECK(etm.type == 9);
  CHECK(etm.nr_addr_filters == 8);
  REQUIRE(etm.sinks.size() == 4);
  CHECK(etm.sinks.at("trbe0") == "0x1b1bd950");
  CHECK(f.cpus == 4);
  CHECK(f.perf_event_mlock_kb == 2048);
}

TEST_CASE("an Arm cpu is named by its part number and flagged by Features") {
  const auto f = host("trbe_server");
  CHECK(f.cpu_model == "Arm CPU part 0xd4f");
  CHECK(std::count(f.cpu_flags.begin(), f.cpu_flags.end(), "sve2") == 1);
}

TEST_CASE("an ETR board shows its shared sinks and a negative paranoid level") {
  const auto f = host("etr_board");
  const auto& sinks = f.pmus.at("cs_etm").sinks;
  CHECK(sinks.size() == 2);
  CHECK(sinks.count("tmc_etr0") == 1);
  CHECK(f.perf_event_paranoid == -1);
}

TEST_CASE("a machine without a trace unit still has the software event sources") {
  const auto f = host("none");
  CHECK(f.pmus.size() == 3);
  CHECK(f.pmus.count("intel_pt") == 0);
  CHECK(f.pmus.at("breakpoint").type == 5);
}

TEST_CASE("reading files alone leaves what only a trial can tell unknown") {
  const auto f = host("pt_desktop");
  CHECK(f.aux_action == AuxActionSupport::unknown);
  CHECK_FALSE(f.breakpoint_slots.has_value());
  CHECK_FALSE(f.privileged);
  CHECK(f.qemu_x86_64.path.empty());
}

TEST_CASE("a root without anything gives the defaults and no error") {
  const auto f = read_host("/nonexistent/tree");
  CHECK(f.kernel_release.empty());
  CHECK_FALSE(f.perf_event_paranoid.has_value());
  CHECK(f.perf_event_mlock_kb == 516);
  CHECK(f.cpus == 1);
  CHECK(f.pmus.empty());
}

TEST_CASE("a QEMU before 9 with the plugin option speaks plugin API 1") {
  const FakeTool tool(
      "qemu-x86_64", "case $1 in --version) echo 'qemu-x86_64 version 7.2.22 (Debian 1:7.2)';; *) echo ' -plugin X';; esac");
  const auto f = probed_with_qemu(tool.path("qemu-x86_64"));
  CHECK(f.qemu_x86_64.path == tool.path("qemu-x86_64"));
  CHECK(f.qemu_x86_64.version == "7.2.22");
  CHECK(f.qemu_x86_64.major == 7);
  CHECK(f.qemu_x86_64.minor == 2);
  CHECK(f.qemu_x86_64.plugin_api == 1);
}

TEST_CASE("a QEMU from 9 on speaks plugin API 2") {
  const FakeTool tool("qemu-x86_64",
                      "case $1 in --version) echo 'qemu-x86_64 version 10.0.2';; *) echo ' -plugin X';; esac");
  const auto f = probed_with_qemu(tool.path("qemu-x86_64"));
  CHECK(f.qemu_x86_64.major == 10);
  CHECK(f.qemu_x86_64.plugin_api == 2);
}

TEST_CASE("a QEMU built without plugins has plugin API 0") {
  const FakeTool tool("qemu-x86_64", "case $1 in --version) echo 'qemu-x86_64 version 8.1.0';; *) echo ' -cpu X';; esac");
  const auto f = probed_with_qemu(tool.path("qemu-x86_64"));
  CHECK(f.qemu_x86_64.version == "8.1.0");
  CHECK(f.qemu_x86_64.plugin_api == 0);
}

TEST_CASE("TRACECTL_QEMU stands in for the architecture in its name") {
  const FakeTool tool("qemu-aarch64", "echo 'qemu-aarch64 version 7.2.1'");
  const auto f = probed_with_qemu(tool.path("qemu-aarch64"));
  CHECK(f.qemu_aarch64.path == tool.path("qemu-aarch64"));
  CHECK(f.qemu_x86_64.path != tool.path("qemu-aarch64"));
}

TEST_CASE("TRACECTL_PLUGIN names the plugin, and a name without a file is none") {
  const FakeTool file("some.so", "");
  HostFacts f;
  {
    const Env env("TRACECTL_PLUGIN", file.path("some.so"));
    probe_host(f);
    CHECK(f.plugin_path == file.path("some.so"));
  }
  const Env env("TRACECTL_PLUGIN", "/nonexistent.so");
  probe_host(f);
  CHECK(f.plugin_path.empty());
}

TEST_CASE("a tool is found in the first directory of PATH that holds it") {
  const FakeTool a("tool-of-test", "echo one"), b("tool-of-test", "echo two");
  const Env env("PATH", "/nonexistent:" + a.dir() + ":" + b.dir());
  CHECK(find_in_path("tool-of-test") == a.path("tool-of-test"));
  CHECK(find_in_path("no-such-tool").empty());
}

TEST_CASE("the output of a tool is its stdout alone, whatever its status") {
  const FakeTool tool("t", "echo out; echo err >&2; exit 3");
  CHECK(output_of({tool.path("t")}) == "out\n");
  CHECK(output_of({"/nonexistent"}).empty());
}

TEST_CASE("a cpu's trace unit tells whether it can be paused") {
  const auto etm = [](const char* name) { return host(name).pmus.at("cs_etm"); };
  CHECK(only_etmv3(etm("etmv3_board")));
  CHECK(etm("etmv3_board").other_units == 2);
  CHECK_FALSE(only_etmv3(etm("etr_board")));
  CHECK(etm("etr_board").pausing_units == 6);
  CHECK_FALSE(only_etmv3(PmuFacts{}));
}
