// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch.hpp>

#include "cli/glob.hpp"
#include "cli/list_sources.hpp"

using namespace tracectl;
using namespace tracectl::cli;

namespace {

HostFacts host(const std::string& name) { return read_host(std::string(TRACECTL_SOURCE_DIR) + "/test/hosts/" + name); }

std::string detail_of(const Listing& l, const std::string& name) {
  const auto it = std::find_if(l.rows.begin(), l.rows.end(), [&](const ListRow& r) { return r.name == name; });
  return it == l.rows.end() ? "absent" : it->detail;
}

}  // namespace

TEST_CASE("a pattern with a star matches the whole name, one without matches anywhere") {
  CHECK(matches("sys_*_openat", "sys_enter_openat"));
  CHECK_FALSE(matches("sys_*", "raw_sys_enter"));
  CHECK(matches("open", "sys_enter_openat"));
  CHECK(matches("", "anything"));
}

TEST_CASE("tracepoints say which machine has them") {
  const auto l = list_tracepoints(host("pt_desktop"), BackendKind::intel_pt, "");
  CHECK_THAT(detail_of(l, "syscalls:sys_enter_openat"), Catch::StartsWith("kernel, emulated"));
  CHECK_THAT(detail_of(l, "syscalls:sys_enter_read"), Catch::StartsWith("emulated"));
  CHECK(detail_of(l, "sched:sched_switch") == "kernel");
  CHECK(l.notes.empty());
}

TEST_CASE("an AArch64 program has its own numbers, and no events of another processor's kernel") {
  const auto l = list_tracepoints(host("pt_desktop"), BackendKind::coresight, "");
  CHECK(detail_of(l, "syscalls:sys_enter_openat") == "emulated; nr 56; dfd, filename, flags, mode");
  CHECK(detail_of(l, "syscalls:sys_enter_open") == "absent");
  CHECK(detail_of(l, "sched:sched_switch") == "absent");
  CHECK(native_backend(host("trbe_server")) == BackendKind::coresight);
}

TEST_CASE("a backend that QEMU plays is said to be emulated") {
  HostFacts f = host("none");
  CHECK_THAT(detail_of(list_backends(f, ""), "coresight"), Catch::EndsWith("emulated: no"));
  f.qemu_aarch64 = {"/usr/bin/qemu-aarch64", "7.2.22", 7, 2, 1};
  f.plugin_path = "/opt/tracectl-qemu-plugin.so";
  CHECK_THAT(detail_of(list_backends(f, ""), "coresight"), Catch::EndsWith("emulated: yes"));
  CHECK_THAT(detail_of(list_backends(f, ""), "intel_pt"), Catch::EndsWith("emulated: no"));
}

TEST_CASE("without tracefs the built-in table is listed and that is said") {
  const auto l = list_tracepoints(host("none"), BackendKind::intel_pt, "syscalls:sys_exit_*");
  CHECK(l.rows.size() > 300);
  CHECK(detail_of(l, "sched:sched_switch") == "absent");
  REQUIRE(l.notes.size() == 1);
  CHECK_THAT(l.notes[0], Catch::Contains("tracefs"));
}

TEST_CASE("sinks come from the CoreSight PMU, and their absence is said") {
  CHECK(detail_of(list_sinks(host("etr_board"), "*etr*"), "tmc_etr0") ==
        "ETR; cpus shared; writes bounce; framing formatted; size 1MiB; modes auto flat tmc-sg; id 0x28c7e2ac");
  CHECK(detail_of(list_sinks(host("trbe_server"), ""), "trbe2") ==
        "TRBE; cpus cpu 2; writes in place; framing raw; size the AUX buffer itself; align 64; id 0x1b1bd95e");
  CHECK(list_sinks(host("etr_board"), "*etr*").rows.size() == 1);
  const auto none = list_sinks(host("none"), "");
  REQUIRE(none.notes.size() == 2);
  CHECK_THAT(none.notes[0], Catch::Contains("emulated") && Catch::Contains("tmc_etr0"));
  CHECK_THAT(none.notes[1], Catch::Contains("no CoreSight sinks on this machine"));
}

TEST_CASE("the symbols of a program include those of its libraries") {
  const auto l = list_symbols("/proc/self/exe", "libc.so.6:qsort");
  REQUIRE(l);
  CHECK_THAT(detail_of(*l, "libc.so.6:qsort"), Catch::StartsWith("offset 0x"));
}

TEST_CASE("a program that is not there is an error with a hint") {
  const auto l = list_symbols("/nonexistent/program", "");
  REQUIRE_FALSE(l);
  CHECK_FALSE(l.error().hint.empty());
}

TEST_CASE("every trigger kind is listed with its machines") {
  const auto l = list_triggers("*probe");
  CHECK(l.rows.size() == 4);
  CHECK(list_backends(host("none"), "").rows.size() == 2);
}
