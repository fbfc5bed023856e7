// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch.hpp>

#include "cli/doctor_checks.hpp"

using namespace tracectl;
using namespace tracectl::cli;

namespace {

HostFacts host(const std::string& name) { return read_host(std::string(TRACECTL_SOURCE_DIR) + "/test/hosts/" + name); }

const Finding& about(const Diagnosis& d, const std::string& subject) {
  const auto it = std::find_if(d.findings.begin(), d.findings.end(), [&](const Finding& f) { return f.subject == subject; });
  REQUIRE(it != d.findings.end());
  return *it;
}

HostFacts with_qemu(HostFacts f) {
  f.qemu_x86_64 = {"/usr/bin/qemu-x86_64", "7.2.22", 7, 2, 1};
  f.plugin_path = "/opt/tracectl-qemu-plugin.so";
  return f;
}

}  // namespace

TEST_CASE("intel_pt without multi-entry ToPA needs contiguous buffers") {
  CHECK_THAT(about(diagnose(host("pt_no_topa_multi")), "intel_pt").text, Catch::Contains("contiguous"));
  CHECK_THAT(about(diagnose(host("pt_desktop")), "intel_pt").text, !Catch::Contains("contiguous"));
}

TEST_CASE("a kernel that refuses aux_action is told what to boot") {
  auto f = host("pt_no_topa_multi");
  f.aux_action = AuxActionSupport::kernel_too_old;
  const auto d = diagnose(f);
  CHECK(about(d, "aux_action").mark == Mark::no);
  CHECK_THAT(about(d, "aux_action").mend, Catch::Contains("6.13"));
}

TEST_CASE("perf_event_paranoid 3 is no for a user and ok for CAP_PERFMON") {
  auto f = host("none");
  CHECK(about(diagnose(f), "paranoid").mark == Mark::no);
  CHECK_THAT(about(diagnose(f), "paranoid").mend, Catch::Contains("sysctl"));
  f.privileged = true;
  CHECK(about(diagnose(f), "paranoid").mark == Mark::ok);
  CHECK_THAT(about(diagnose(f), "paranoid").text, Catch::Contains("kernel code needs /proc/kcore"));
  f.reads_kernel = true;
  CHECK_THAT(about(diagnose(f), "paranoid").text, Catch::Contains("everything is allowed"));
}

TEST_CASE("buffers are what perf_event_mlock_kb and ulimit -l allow; only CAP_IPC_LOCK lifts that") {
  auto f = host("none");
  f.cpus = 2;
  f.perf_event_mlock_kb = 516;
  f.memlock_limit = 8 << 20;
  f.privileged = true;
  CHECK(about(diagnose(f), "mlock").mark == Mark::ok);
  CHECK_THAT(about(diagnose(f), "mlock").text, Catch::StartsWith("9224 KiB"));
  f.memlock_limit = 64 << 10;
  CHECK(about(diagnose(f), "mlock").mark == Mark::warn);
  f.memlock_limit = ~uint64_t{0};
  CHECK_THAT(about(diagnose(f), "mlock").text, Catch::StartsWith("no limit"));
  f.memlock_limit = 0;
  f.locks_freely = true;
  CHECK_THAT(about(diagnose(f), "mlock").text, Catch::StartsWith("no limit"));
}

TEST_CASE("unreadable tracefs is a warning with a command, not an end") {
  CHECK(about(diagnose(host("none")), "tracefs").mark == Mark::warn);
  CHECK_FALSE(about(diagnose(host("none")), "tracefs").mend.empty());
  CHECK(about(diagnose(host("pt_desktop")), "tracefs").mark == Mark::ok);
}

TEST_CASE("AVX-512 is a warning only on a cpu whose native programs would use it") {
  auto f = with_qemu(host("none"));
  CHECK(about(diagnose(f), "emulation").mark == Mark::ok);
  f.cpu_flags.emplace_back("avx512f");
  CHECK(about(diagnose(f), "emulation").mark == Mark::warn);
  CHECK_THAT(about(diagnose(f), "emulation").text, Catch::Contains("SIGILL"));
}

TEST_CASE("a QEMU before 7.2 has no AVX at all") {
  auto f = with_qemu(host("none"));
  f.qemu_x86_64 = {"/usr/bin/qemu-x86_64", "6.2.0", 6, 2, 1};
  CHECK(about(diagnose(f), "emulation").mark == Mark::warn);
  CHECK_THAT(about(diagnose(f), "emulation").text, Catch::Contains("AVX2"));
}

TEST_CASE("a missing sysroot for AArch64 programs is named, and what puts it there") {
  auto f = host("none");
  CHECK(about(diagnose(f), "sysroot").mark == Mark::warn);
  CHECK_THAT(about(diagnose(f), "sysroot").mend, Catch::Contains("libc6-arm64-cross"));
  f.aarch64_sysroot = "/";
  CHECK(about(diagnose(f), "sysroot").mark == Mark::ok);
  f.aarch64_sysroot = "/usr/aarch64-linux-gnu";
  CHECK_THAT(about(diagnose(f), "sysroot").text, Catch::Contains("hang"));
}

TEST_CASE("a QEMU without plugins cannot trace") {
  auto f = with_qemu(host("none"));
  f.qemu_x86_64.plugin_api = 0;
  const auto d = diagnose(f);
  CHECK(about(d, "qemu-x86_64").mark == Mark::no);
  CHECK_FALSE(d.emulated_machine);
}

TEST_CASE("the sinks of a TRBE server are named") {
  CHECK_THAT(about(diagnose(host("trbe_server")), "cs_etm").text, Catch::Contains("trbe0 trbe1 trbe2 trbe3"));
}

TEST_CASE("without QEMU and trace unit nothing can trace, and the next command mends that") {
  const auto d = diagnose(host("none"));
  CHECK_FALSE(d.kernel_machine);
  CHECK_FALSE(d.emulated_machine);
  CHECK_THAT(d.run, Catch::Contains("cannot trace"));
  CHECK_THAT(d.next, Catch::Contains("qemu-user"));
}

TEST_CASE("with QEMU and the plugin the next command is a run") {
  const auto d = diagnose(with_qemu(host("none")));
  CHECK(d.emulated_machine);
  CHECK_THAT(d.run, Catch::Contains("emulated machine"));
  CHECK_THAT(d.next, Catch::StartsWith("tracectl run"));
}
