// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "core/filter_eval.hpp"
#include "triggers/filter.hpp"
#include "triggers/trigger_kinds.hpp"

using namespace tracectl;

namespace {

struct KernelVerdict {
  const char* event;
  const char* filter;
  bool kernel, ours;
};
constexpr KernelVerdict kVerdicts[] = {
#include "kernel_filters.inc"
};

auto compile(const std::string& event, const std::string& text) {
  const auto on = parse_on("tracepoint:" + event);
  REQUIRE(on.has_value());
  return compile_filter(text, syscall_fields(on->syscall, on->syscall_exit));
}

bool copy_text(uint64_t addr, char* buf, size_t n) {
  if (addr == 0) return false;
  std::strncpy(buf, reinterpret_cast<const char*>(addr), n - 1);
  buf[n - 1] = '\0';
  return true;
}

bool passes(const std::string& event, const std::string& text, const FilterInput& in) {
  const auto program = compile(event, text);
  INFO(text << ": " << (program ? "" : program.error().message));
  REQUIRE(program.has_value());
  return filter_eval(program->ops.data(), program->ops.size(), program->pool.c_str(), in);
}

bool ret_passes(const std::string& text, int64_t ret) {
  FilterInput in;
  in.ret = ret;
  in.pid = 42;
  in.comm = "bash";
  in.cpu = 1;
  return passes("syscalls:sys_exit_read", text, in);
}

}  // namespace

TEST_CASE("the compiler gives the kernel's verdict on every tried filter") {
  REQUIRE(std::size(kVerdicts) >= 60);
  for (const KernelVerdict& row : kVerdicts) {
    const auto program = compile(row.event, row.filter);
    INFO(row.event << " " << row.filter << ": " << (program ? "accepted" : program.error().message));
    CHECK(program.has_value() == row.ours);
    if (row.ours) CHECK(row.kernel);  // stricter than the kernel is allowed, laxer is not
  }
}

TEST_CASE("numbers compare by the field's sign") {
  CHECK(ret_passes("ret < 0", -1));
  CHECK_FALSE(ret_passes("ret < 0", 0));
  CHECK(ret_passes("ret == -0x10", -16));
  CHECK(ret_passes("ret == 010", 8));
  CHECK(ret_passes("ret <= 5 && ret >= 5", 5));
  const uint64_t args[6] = {UINT64_MAX, 0, 0, 0, 0, 0};
  FilterInput in;
  in.args = args;
  CHECK_FALSE(passes("syscalls:sys_enter_openat", "dfd < 0", in));  // unsigned in the event
  CHECK(passes("syscalls:sys_enter_openat", "dfd > 0x7fffffff", in));
}

TEST_CASE("& asks for any common bit") {
  CHECK(ret_passes("ret & 6", 4));
  CHECK_FALSE(ret_passes("ret & 6", 1));
  CHECK_FALSE(ret_passes("ret & 0", 7));
}

TEST_CASE("&& binds tighter than ||, ! to the compare or the group after it") {
  CHECK(ret_passes("ret == 1 || ret == 2 && cpu == 9", 1));
  CHECK_FALSE(ret_passes("(ret == 1 || ret == 2) && cpu == 9", 1));
  CHECK(ret_passes("!ret == 1", 0));
  CHECK(ret_passes("!(ret == 1 || ret == 2)", 3));
  CHECK(ret_passes("!!ret == 1", 1));
}

TEST_CASE("a field is cut to its size, and so is the value") {
  CHECK(ret_passes("common_pid == 42", 0));
  CHECK(ret_passes("common_pid == 4294967338", 0));  // 42 + 2^32: the kernel casts it to int
  CHECK(ret_passes("cpu == 1 && CPU == 1 && common_cpu == 1", 0));
}

TEST_CASE("comm compares as text and as glob") {
  CHECK(ret_passes("comm == \"bash\"", 0));
  CHECK(ret_passes("COMM ~ \"b*h\"", 0));
  CHECK(ret_passes("comm ~ \"ba[r-t]?\"", 0));
  CHECK(ret_passes("comm ~ \"[!a]*\"", 0));
  CHECK_FALSE(ret_passes("comm ~ \"!b*\"", 0));
  CHECK_FALSE(ret_passes("comm ~ \"as\"", 0));
  CHECK_FALSE(ret_passes("comm != \"bash\"", 0));
}

TEST_CASE(".ustring reads user memory, and unreadable text passes neither way") {
  const char* path = "/etc/passwd";
  uint64_t args[6] = {0, reinterpret_cast<uint64_t>(path), 0, 0, 0, 0};
  FilterInput in;
  in.args = args;
  in.read_string = copy_text;
  CHECK(passes("syscalls:sys_enter_openat", "filename.ustring == \"/etc/passwd\"", in));
  CHECK(passes("syscalls:sys_enter_openat", "filename.ustring ~ \"*pass*\"", in));
  args[1] = 0;
  CHECK_FALSE(passes("syscalls:sys_enter_openat", "filename.ustring == \"/etc/passwd\"", in));
  CHECK_FALSE(passes("syscalls:sys_enter_openat", "filename.ustring != \"/etc/passwd\"", in));
}

TEST_CASE("globs match as a whole") {
  CHECK(filter_glob("*", ""));
  CHECK(filter_glob("a*b*c", "axxbyyc"));
  CHECK(filter_glob("*ab", "aab"));
  CHECK_FALSE(filter_glob("a?c", "ac"));
  CHECK(filter_glob("a\\*c", "a*c"));
  CHECK_FALSE(filter_glob("a\\*c", "abc"));
  CHECK(filter_glob("a[", "a["));
  CHECK(filter_glob("[]]x", "]x"));
  CHECK_FALSE(filter_glob("", "a"));
}

TEST_CASE("an empty program passes every hit and a damaged one none") {
  CHECK(filter_eval(nullptr, 0, "", {}));
  FilterOp op{};
  op.code = FilterCode::logical_and;
  CHECK_FALSE(filter_eval(&op, 1, "", {}));
}

TEST_CASE("an unknown field names the nearest one and lists all, at its column") {
  const auto program = compile("syscalls:sys_enter_openat", "flags & 1 && filenam.ustring == \"x\"");
  REQUIRE_FALSE(program.has_value());
  CHECK(program.error().offset == 13);
  CHECK(program.error().length == 7);
  CHECK(program.error().hint.find("did you mean \"filename\"? fields: dfd, filename, flags, mode,") == 0);
}

TEST_CASE("a negative number on an unsigned field shows the 32-bit pattern") {
  const auto program = compile("syscalls:sys_enter_openat", "dfd == -100");
  REQUIRE_FALSE(program.has_value());
  CHECK(program.error().hint == "a 32-bit int of -100 is 0xffffff9c there");
}
