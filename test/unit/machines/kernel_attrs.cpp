// SPDX-License-Identifier: MIT
// A plan as perf_event_attr, and where its triggers sit.
#include "machines/kernel/attrs.hpp"

#include <linux/hw_breakpoint.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "machines/kernel/clock.hpp"
#include "machines/kernel/page_file.hpp"
#include "machines/kernel/places.hpp"
#include "machines/kernel/uprobe_page.hpp"

using namespace tracectl;
using namespace tracectl::kernel;

namespace {

ResolvedTrigger trigger(TriggerKind kind, Action action) {
  ResolvedTrigger t;
  t.kind = kind;
  t.action = action;
  return t;
}

constexpr Placing kOnExec{.on_exec = true};

}  // namespace

TEST_CASE("the leader starts paused at the command's exec, in the plan's scope") {
  ResolvedPlan plan;
  plan.start_paused = true;
  plan.scope = Scope::kernel;
  plan.buffer.wakeup = 1 << 20;
  const auto attr = leader_attr(plan, 8, kOnExec);
  CHECK(attr.type == 8);
  CHECK(attr.size == perf::kAttrSize);
  CHECK(attr.config == 0x2401);  // pt, tsc, branch
  CHECK(attr.exclude_user == 1);
  CHECK(attr.exclude_kernel == 0);
  CHECK(attr.disabled == 1);
  CHECK(attr.enable_on_exec == 1);
  CHECK(attr.aux_watermark == 1 << 20);
  CHECK(perf::aux_action(attr) == perf::kAuxStartPaused);
  plan.start_paused = false;
  plan.scope = Scope::user;
  const auto running = leader_attr(plan, 8, {});
  CHECK(perf::aux_action(running) == 0);
  CHECK(running.exclude_kernel == 1);
  CHECK(running.exclude_user == 0);
  CHECK(running.enable_on_exec == 0);
}

TEST_CASE("an exec does not end a pause by time") {
  ResolvedPlan plan;
  Placing placing = kOnExec;
  placing.held_off = true;
  CHECK(leader_attr(plan, 8, placing).enable_on_exec == 0);
  CHECK(leader_attr(plan, 8, placing).disabled == 1);
  CHECK(sideband_attr(plan, placing).enable_on_exec == 1);  // what it maps is told all the same
}

TEST_CASE("members carry the action and never exclude user mode") {
  ResolvedPlan plan;
  for (const Scope scope : {Scope::user, Scope::kernel, Scope::all}) {
    plan.scope = scope;
    auto t = trigger(TriggerKind::tracepoint, Action::pause);
    t.tp_group = "syscalls";
    const auto attr = member_attr(plan, t, {PERF_TYPE_TRACEPOINT, 77}, {}, nullptr, 0);
    CHECK(attr.exclude_user == 0);
    CHECK(attr.exclude_kernel == (scope == Scope::user ? 1 : 0));
    CHECK(attr.config == 77);
    CHECK(attr.sample_period == 1);
    CHECK(perf::aux_action(attr) == perf::kAuxPause);
    // It hits in the kernel: excluding that would drop the hit.
    t.tp_group = "sched";
    CHECK(member_attr(plan, t, {PERF_TYPE_TRACEPOINT, 78}, {}, nullptr, 0).exclude_kernel == 0);
    CHECK(member_attr(plan, trigger(TriggerKind::kprobe, Action::resume), {9, 0}, {}, "f", 0).exclude_kernel == 0);
    auto address = trigger(TriggerKind::breakpoint, Action::resume);
    address.where.form = CodeLocation::Form::address;
    address.where.address = 0xffffffff81000000;
    CHECK(member_attr(plan, address, {PERF_TYPE_BREAKPOINT, 0}, {}, nullptr, 0xffffffff81000000).exclude_kernel == 0);
  }
}

TEST_CASE("breakpoints and probes carry their place") {
  const ResolvedPlan plan;
  auto t = trigger(TriggerKind::breakpoint, Action::resume);
  auto attr = member_attr(plan, t, {PERF_TYPE_BREAKPOINT, 0}, {}, nullptr, 0x401136);
  CHECK(attr.bp_type == HW_BREAKPOINT_X);
  CHECK(attr.bp_addr == 0x401136);
  CHECK(attr.bp_len == sizeof(long));  // the kernel takes no other for execution
  CHECK(perf::aux_action(attr) == perf::kAuxResume);
  t.access = BreakAccess::read_write;
  t.len = 2;
  attr = member_attr(plan, t, {PERF_TYPE_BREAKPOINT, 0}, {}, nullptr, 0x402000);
  CHECK(attr.bp_type == HW_BREAKPOINT_RW);
  CHECK(attr.bp_len == 2);
  const char* path = "/usr/bin/app";
  attr = member_attr(plan, trigger(TriggerKind::uretprobe, Action::snapshot), {7, 1}, {}, path, 0x1136);
  CHECK(attr.type == 7);
  CHECK(attr.config == 1);
  CHECK(attr.config1 == reinterpret_cast<uintptr_t>(path));
  CHECK(attr.config2 == 0x1136);
  CHECK(perf::aux_action(attr) == 0);  // a thread that nobody holds: nothing would resume it
  CHECK(attr.wakeup_events == 1);
}

TEST_CASE("a snapshot's hit stops the thread that we hold") {
  ResolvedPlan plan;
  const auto t = trigger(TriggerKind::breakpoint, Action::snapshot);
  const EventSource source{PERF_TYPE_BREAKPOINT, 0};
  CHECK(member_attr(plan, t, source, {}, nullptr, 0x1000).sigtrap == 0);
  const auto attr = member_attr(plan, t, source, {.held = true}, nullptr, 0x1000);
  CHECK(attr.sigtrap == 1);
  CHECK(attr.remove_on_exec == 1);  // the kernel asks for it
  CHECK(attr.sig_data == kSnapshotSignal);
  // Nothing of user mode runs behind the hit; kernel code does.
  CHECK(perf::aux_action(attr) == 0);
  plan.scope = Scope::all;
  CHECK(perf::aux_action(member_attr(plan, t, source, {.held = true}, nullptr, 0x1000)) == perf::kAuxPause);
  CHECK(member_attr(plan, trigger(TriggerKind::breakpoint, Action::pause), source, {.held = true}, nullptr, 0).sigtrap == 0);
  CHECK(ends_at_exec(t));
  CHECK(ends_at_exec(trigger(TriggerKind::uprobe, Action::snapshot)));
  CHECK_FALSE(ends_at_exec(trigger(TriggerKind::uprobe, Action::pause)));
}

TEST_CASE("ids and types are read under the host's root, and what is missing is named") {
  const auto root = std::filesystem::temp_directory_path() / ("tracectl-attrs-" + std::to_string(getpid()));
  std::filesystem::create_directories(root / "sys/kernel/tracing/events/syscalls/sys_enter_read");
  std::filesystem::create_directories(root / "sys/bus/event_source/devices/uprobe");
  std::ofstream(root / "sys/kernel/tracing/events/syscalls/sys_enter_read/id") << "711\n";
  std::ofstream(root / "sys/bus/event_source/devices/uprobe/type") << "9\n";
  HostFacts host;
  host.root = root.string();
  host.tracefs = true;
  ResolvedPlan plan;
  plan.triggers.push_back(trigger(TriggerKind::tracepoint, Action::resume));
  plan.triggers.back().tp_group = "syscalls";
  plan.triggers.back().tp_name = "sys_enter_read";
  plan.triggers.push_back(trigger(TriggerKind::uretprobe, Action::pause));
  const auto found = find_events(plan, host);
  REQUIRE(found);
  CHECK((*found)[0].config == 711);
  CHECK((*found)[1].type == 9);
  CHECK((*found)[1].config == 1);
  plan.triggers[0].tp_name = "sys_enter_nothing";
  const auto missing = find_events(plan, host);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().what == "this kernel has no tracepoint syscalls:sys_enter_nothing");
  host.tracefs = false;
  CHECK(find_events(plan, host).error().what.find("tracefs is not readable") != std::string::npos);
  std::filesystem::remove_all(root);
}

TEST_CASE("mappings with code are read from /proc/PID/maps") {
  const auto maps = code_mappings(
      "00400000-00401000 r--p 00000000 08:01 1234                               /usr/bin/app\n"
      "00401000-00403000 r-xp 00001000 08:01 1234                               /usr/bin/app\n"
      "7f0000000000-7f0000002000 r-xp 00005000 08:01 99                         /opt/a b/lib.so\n"
      "7fff00000000-7fff00001000 r-xp 00000000 00:00 0                          [vdso]\n"
      "garbage\n"
      "7f1000000000-7f1000001000 r-xp 00000000 00:00 0 \n");
  REQUIRE(maps.size() == 2);
  CHECK(maps[0].address == 0x401000);
  CHECK(maps[0].size == 0x2000);
  CHECK(maps[0].file_offset == 0x1000);
  CHECK(maps[0].path == "/usr/bin/app");
  CHECK(maps[1].path == "/opt/a b/lib.so");
}

TEST_CASE("breakpoints become addresses, probes a file's offset, in the plan's order") {
  ResolvedPlan plan;
  plan.triggers = {trigger(TriggerKind::uprobe, Action::resume), trigger(TriggerKind::breakpoint, Action::pause),
                   trigger(TriggerKind::breakpoint, Action::pause), trigger(TriggerKind::kprobe, Action::pause)};
  plan.triggers[2].where.form = CodeLocation::Form::address;
  plan.triggers[2].where.address = 0xffffffff81000000;
  plan.triggers[3].where.symbol = "vfs_read";
  plan.triggers[3].where.offset = 4;
  const auto modules = [](const std::string& path) {
    ModuleAnswer out;
    if (path == "/app") out.sites = {{1, 0x1136, false}, {0, 0x1200, false}, {1, 0x9000, false}};
    return out;
  };
  const std::vector<CodeMapping> maps = {{0x555000001000, 0x1000, 0x1000, "/app"}, {0x7f0000, 0x1000, 0, "/other"}};
  const auto places = places_in(plan, maps, modules);
  REQUIRE(places.size() == 2);
  CHECK(places[0] == Place{0, "/app", 0x1200});
  CHECK(places[1] == Place{1, "", 0x555000001136});
  const auto fixed = fixed_places(plan);
  REQUIRE(fixed.size() == 2);
  CHECK(fixed[0] == Place{2, "", 0xffffffff81000000});
  CHECK(fixed[1] == Place{3, "vfs_read", 4});
}

TEST_CASE("a processor is named as perf names it") {
  CHECK(cpuid_text("processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: X\n"
                   "stepping\t: 4\n\nprocessor\t: 1\nvendor_id\t: GenuineIntel\n") == "GenuineIntel,6,85,4");
  CHECK(cpuid_text("nothing here").empty());
}

TEST_CASE("the page of displaced instructions is walked byte by byte, but for the trampoline") {
  const std::string page = uprobe_page(4096, BackendKind::intel_pt);
  REQUIRE(page.size() == 4096);
  CHECK(page[11] == '\x0f');
  CHECK(page[12] == '\x05');  // syscall
  CHECK(page[128] == '\x90');
  CHECK(page[4095] == '\x90');
}

TEST_CASE("AArch64's page of displaced instructions is instructions of four bytes behind the return's breakpoint") {
  const std::string page = uprobe_page(4096, BackendKind::coresight);
  REQUIRE(page.size() == 4096);
  CHECK(page.substr(0, 8) == std::string("\xa0\x00\x20\xd4\x1f\x20\x03\xd5", 8));
  CHECK(page.substr(4092) == "\x1f\x20\x03\xd5");
}

TEST_CASE("tracectl's own vdso is an ELF file, whole") {
  const std::string page = own_vdso(4096);
  REQUIRE(page.size() == 4096);
  CHECK(page.substr(0, 4) ==
        "\x7f"
        "ELF");
  CHECK(has_own_vdso(0x7fff12345000));
  CHECK_FALSE(has_own_vdso(0xf7f12000));  // a 32-bit program's
}
