// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "triggers/syscalls.hpp"
#include "triggers/trigger_kinds.hpp"

using namespace tracectl;

namespace {

TriggerEvent good(const char* text) {
  const auto on = parse_on(text);
  INFO(text);
  REQUIRE(on.has_value());
  return *on;
}
TextError error_of(const char* text) {
  const auto on = parse_on(text);
  INFO(text);
  REQUIRE_FALSE(on.has_value());
  return on.error();
}

}  // namespace

TEST_CASE("every example of the table parses to its kind") {
  for (const TriggerKindInfo& kind : trigger_kinds()) CHECK(good(kind.example).kind == kind.kind);
}

TEST_CASE("the table stands in the order of the kinds") {
  for (const TriggerKindInfo& kind : trigger_kinds()) {
    CHECK(&info_of(kind.kind) == &kind);
    CHECK(std::string(kind.name) == name_of(kind.kind));
  }
}

TEST_CASE("a breakpoint takes a symbol, with or without object and offset") {
  CHECK(good("breakpoint:app:parse_header").where.object == "app");
  CHECK(good("breakpoint:parse_header").where.object.empty());
  const auto where = good("breakpoint:app:parse_header+0x10").where;
  CHECK(where.symbol == "parse_header");
  CHECK(where.offset == 16);
}

TEST_CASE("a breakpoint takes a source line or an address") {
  const auto line = good("breakpoint:app:src/parse.c:88").where;
  CHECK(line.form == CodeLocation::Form::file_line);
  CHECK(line.object == "app");
  CHECK(line.file == "src/parse.c");
  CHECK(line.line == 88);
  CHECK(good("breakpoint:parse.c:88").where.object.empty());
  CHECK(good("breakpoint:0x401136").where.address == 0x401136);
}

TEST_CASE("C++ names keep their double colons") {
  CHECK(good("breakpoint:ns::f").where.symbol == "ns::f");
  const auto where = good("uprobe:app:ns::f").where;
  CHECK(where.object == "app");
  CHECK(where.symbol == "ns::f");
  CHECK(good("breakpoint:app:operator+").where.symbol == "operator+");
}

TEST_CASE("locations print as they were written") {
  for (const char* text : {"app:f", "f+0x10", "app:src/a.c:3", "0x401136", "libc.so.6:qsort"})
    CHECK(text_of(good((std::string("breakpoint:") + text).c_str()).where) == text);
}

TEST_CASE("system call tracepoints know number and side") {
  const auto on = good("tracepoint:syscalls:sys_exit_newuname");
  REQUIRE(on.syscall != nullptr);
  CHECK(on.syscall->nr == 63);
  CHECK(on.syscall_exit);
  CHECK(good("tracepoint:raw_syscalls:sys_enter").syscall == nullptr);
  CHECK(good("tracepoint:sched:sched_switch").is_syscall == false);
}

TEST_CASE("the user's name of a call is answered with the kernel's") {
  CHECK(error_of("tracepoint:syscalls:sys_enter_uname").hint == "the kernel calls uname sys_enter_newuname");
  CHECK(error_of("tracepoint:syscalls:sys_enter_opennat").hint == "did you mean sys_enter_openat?");
}

TEST_CASE("errors stand at their column") {
  CHECK(error_of("breakpont:f").hint.find("did you mean \"breakpoint\"?") == 0);
  CHECK(error_of("uprobe:qsort").offset == 7);
  CHECK(error_of("uretprobe:libc.so.6:qsort+4").offset == 25);
  CHECK(error_of("tracepoint:syscalls").message == "a tracepoint has a group and a name");
  CHECK(error_of("event:").message == "the event's name is missing");
  CHECK(error_of("breakpoint:0x40g").message == "\"0x40g\" is not an address");
  CHECK(error_of("breakpoint:app:0x40").hint == "write OBJECT:SYMBOL+OFFSET, or breakpoint:ADDRESS");
}

TEST_CASE("the system call table is sorted, without doubles, and complete where it matters") {
  for (const BackendKind backend : {BackendKind::intel_pt, BackendKind::coresight}) {
    int last = -1;
    for (const SyscallInfo& info : all_syscalls(backend)) {
      CHECK(info.nr > last);
      last = info.nr;
      CHECK(find_syscall(info.nr, backend) == &info);
      CHECK(find_syscall(info.event, backend) == &info);
    }
  }
  CHECK(find_syscall("uname") == find_syscall("newuname"));
  CHECK(find_syscall("openat")->nr == 257);
  CHECK(find_syscall("openat")->arguments().size() == 4);
  CHECK(find_syscall("nonsense") == nullptr);
  CHECK(nearest_syscall("opneat2") == "openat2");
}

TEST_CASE("AArch64 has its own numbers, and not every call of x86-64") {
  const auto arm = [](std::string_view name) { return find_syscall(name, BackendKind::coresight); };
  CHECK(arm("openat")->nr == 56);
  CHECK(arm("uname")->nr == 160);
  CHECK(arm("uname")->event == std::string_view("newuname"));
  CHECK(arm("personality")->event == std::string_view("arm64_personality"));
  CHECK(arm("open") == nullptr);
  CHECK(arm("clone")->arguments()[3].name == std::string_view("tls"));
  CHECK(parse_on("tracepoint:syscalls:sys_enter_open"));
  CHECK_FALSE(parse_on("tracepoint:syscalls:sys_enter_open", BackendKind::coresight));
  CHECK(parse_on("tracepoint:syscalls:sys_enter_openat", BackendKind::coresight)->syscall->nr == 56);
}
