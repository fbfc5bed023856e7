// SPDX-License-Identifier: MIT
// Every kind of trigger, opened on the running kernel as the kernel machine opens it, but for the
// action, which needs an AUX leader: each must count exactly the hits that are provoked. And what this
// kernel refuses must come out in words.
// Exit 77: no root here, or no tracefs.
// Source: perf_event_open(2); kernel/events/core.c.
#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <link.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <string>

#include "core/perf/kernel.hpp"
#include "decode/symbols.hpp"
#include "machines/kernel/attrs.hpp"
#include "machines/kernel/group.hpp"
#include "machines/kernel/refusals.hpp"

using namespace tracectl;
using namespace tracectl::kernel;

extern "C" __attribute__((noinline)) int probed(int n) {
  asm volatile("");
  return n + 1;
}
static volatile long watched = 1;

namespace {

int failures = 0;
HostFacts host;

void check(const std::string& what, bool good, const std::string& detail = {}) {
  fmt::print("{} {}{}{}\n", good ? "ok  " : "FAIL", what, detail.empty() ? "" : ": ", detail);
  if (!good) ++failures;
}

ResolvedTrigger trigger(TriggerKind kind) {
  ResolvedTrigger t;
  t.kind = kind;
  t.on = name_of(kind);
  return t;
}

// Opens the trigger alone on this thread; hits counted while `provoke` runs.
void counts(const std::string& what, const ResolvedTrigger& t, const Place& place, long wanted,
            const std::function<void()>& provoke, Scope scope = Scope::user) {
  ResolvedPlan plan;
  plan.scope = scope;
  plan.triggers.push_back(t);
  const auto sources = find_events(plan, host);
  if (!sources) return check(what, false, sources.error().message());
  auto attr = member_attr(plan, t, sources->front(), {}, place.text.empty() ? nullptr : place.text.c_str(), place.at);
  perf::set_aux_action(attr, 0);
  attr.read_format = 0;
  attr.disabled = 1;
  const auto opened = perf::event_open(attr, 0, -1);
  if (opened.error != 0)
    return check(what, false, explain({Step::member, opened.error, &t, 0, -1, 0, place.at}, plan, host).message());
  if (!t.filter_text.empty() && ioctl(opened.fd.get(), PERF_EVENT_IOC_SET_FILTER, t.filter_text.c_str()) != 0)
    return check(what, false, std::strerror(errno));
  ioctl(opened.fd.get(), PERF_EVENT_IOC_ENABLE, 0);
  provoke();
  ioctl(opened.fd.get(), PERF_EVENT_IOC_DISABLE, 0);
  long count = 0;
  const bool read_it = read(opened.fd.get(), &count, sizeof count) == sizeof count;
  check(what, read_it && count == wanted, fmt::format("{} hits, wanted {}", count, wanted));
}

void seven_times(const std::function<void()>& fn) {
  for (int i = 0; i < 7; ++i) fn();
}

// Where `probed` lies in this program's file.
Place own_place() {
  Dl_info info{};
  dladdr(reinterpret_cast<void*>(&probed), &info);
  const auto symbols = decode::Symbols::open("/proc/self/exe");
  CodeLocation where;
  where.symbol = "probed";
  const auto found = symbols ? symbols->resolve(where) : std::vector<uint64_t>{};
  char path[4096] = {};
  [[maybe_unused]] const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  return {0, path, found.empty() ? 0 : found.front()};
}

void check_tracepoints() {
  auto t = trigger(TriggerKind::tracepoint);
  t.tp_group = "syscalls";
  t.tp_name = "sys_enter_getppid";
  const auto call = [] { seven_times([] { syscall(SYS_getppid); }); };
  counts("a system call's tracepoint, user scope", t, {}, 7, call);
  counts("the same, kernel scope", t, {}, 7, call, Scope::kernel);
  t.tp_name = "sys_exit_close";
  t.filter_text = "ret < 0";
  counts("a filter", t, {}, 7, [] {
    seven_times([] {
      syscall(SYS_close, 9999);
      syscall(SYS_close, dup(0));
    });
  });
  t.filter_text = "";
  t.tp_group = "sched";
  t.tp_name = "sched_process_fork";
  counts("a tracepoint of the kernel, user scope", t, {}, 7, [] {
    seven_times([] {
      const pid_t child = fork();
      if (child == 0) _exit(0);
      waitpid(child, nullptr, 0);
    });
  });
}

void check_breakpoints() {
  const auto call = [] { seven_times([] { probed(1); }); };
  auto t = trigger(TriggerKind::breakpoint);
  counts("breakpoint x", t, {0, "", reinterpret_cast<uintptr_t>(&probed)}, 7, call);
  t.access = BreakAccess::write;
  t.len = 8;
  const uint64_t at = reinterpret_cast<uintptr_t>(&watched);
  counts("breakpoint w", t, {0, "", at}, 7, [] { seven_times([] { watched = watched + 1; }); });
  t.access = BreakAccess::read_write;
  counts("breakpoint rw", t, {0, "", at}, 14, [] { seven_times([] { watched = watched + 1; }); });
}

bool has_pmu(const std::string& name) {
  return access(("/sys/bus/event_source/devices/" + name + "/type").c_str(), R_OK) == 0;
}

void check_probes() {
  const auto call = [] { seven_times([] { probed(1); }); };
  const Place place = own_place();
  if (has_pmu("uprobe")) {
    counts("uprobe", trigger(TriggerKind::uprobe), place, 7, call);
    counts("uretprobe", trigger(TriggerKind::uretprobe), place, 7, call);
  }
  if (!has_pmu("kprobe")) return fmt::print("      no kprobes in this kernel: not tried here\n");
  const auto ppid = [] { seven_times([] { syscall(SYS_getppid); }); };
  counts("kprobe", trigger(TriggerKind::kprobe), {0, "__do_sys_getppid", 0}, 7, ppid, Scope::all);
  counts("kretprobe", trigger(TriggerKind::kretprobe), {0, "__do_sys_getppid", 0}, 7, ppid, Scope::all);
}

void check_events() {
  auto t = trigger(TriggerKind::event);
  t.event = "page-faults";
  counts("event:page-faults", t, {}, 7, [] {
    char* pages = static_cast<char*>(mmap(nullptr, 8 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    madvise(pages, 8 << 12, MADV_NOHUGEPAGE);
    for (int i = 0; i < 7; ++i) pages[i << 12] = 1;
    munmap(pages, 8 << 12);
  });
}

// What the kernel answers to opening the trigger, in words.
std::string refusal(const ResolvedTrigger& t, const Place& place, int times = 1) {
  ResolvedPlan plan;
  plan.triggers.push_back(t);
  const auto sources = find_events(plan, host);
  if (!sources) return sources.error().message();
  std::vector<Fd> held;
  for (int i = 0; i < times; ++i) {
    auto attr =
        member_attr(plan, t, sources->front(), {}, place.text.empty() ? nullptr : place.text.c_str(), place.at + 8u * i);
    perf::set_aux_action(attr, 0);
    auto opened = perf::event_open(attr, 0, -1);
    if (opened.error != 0) return explain({Step::member, opened.error, &t, 0, -1, 0, place.at + 8u * i}, plan, host).what;
    held.push_back(std::move(opened.fd));
    if (!t.filter_text.empty() && ioctl(held.back().get(), PERF_EVENT_IOC_SET_FILTER, t.filter_text.c_str()) != 0)
      return explain({Step::filter, errno, &t, 0, -1, 0, 0}, plan, host).what;
  }
  return "opened";
}

void says(const std::string& what, const std::string& got, const std::string& part) {
  check(what, got.find(part) != std::string::npos, got);
}

void check_refusals() {
  alignas(64) static char data[64 * 8];
  auto t = trigger(TriggerKind::breakpoint);
  t.access = BreakAccess::write;
  t.len = 8;
  const uint64_t at = reinterpret_cast<uintptr_t>(data);
  if (host.breakpoint_slots) says("a breakpoint too many", refusal(t, {0, "", at}, 33), "no debug register is left");
  if (host.breakpoint_slots.value_or(0) != 0)
    says("a misaligned watchpoint", refusal(t, {0, "", at + 4}), "the processor cannot watch this");
  if (has_pmu("kprobe"))
    says("a probe on no function", refusal(trigger(TriggerKind::kprobe), {0, "no_such_function_at_all", 0}),
         "there is no such place");
  if (has_pmu("uprobe"))
    says("a uprobe in no file", refusal(trigger(TriggerKind::uprobe), {0, "/no/such/file", 0}), "there is no such place");
  auto tp = trigger(TriggerKind::tracepoint);
  tp.tp_group = "syscalls";
  tp.tp_name = "sys_enter_nothing";
  says("a tracepoint that is not there", refusal(tp, {}), "this kernel has no tracepoint syscalls:sys_enter_nothing");
  tp.tp_name = "sys_enter_close";
  tp.filter_text = "no_such_field == 1";
  says("a filter on no field", refusal(tp, {}), "setting the filter `no_such_field == 1`");
  auto event = trigger(TriggerKind::event);
  event.event = "no-such-event";
  says("an event by no name", refusal(event, {}), "is not one that the kernel machine knows");
}

// What the kernel answers to a group whose leader is a software event, in words.
std::string group_refusal(ResolvedPlan plan) {
  plan.intel_pt.tsc = plan.intel_pt.branch = false;  // what is left, bit 0, is a software event's number too: task-clock
  const GroupPlan shared{plan, host, PERF_TYPE_SOFTWARE, {}, ""};
  const auto group = Group::open(shared, getpid(), getpid(), -1, {}, 64 << 10);
  return group ? "opened" : group.error().what;
}

void check_group_refusals() {
  ResolvedPlan plan;
  plan.start_paused = true;
  const bool knows = host.aux_action == AuxActionSupport::abi_known;
  says("a leader that cannot pause", group_refusal(plan),
       knows ? "this PMU's driver cannot pause" : "this kernel cannot start a trace paused");
  plan.start_paused = false;
  says("a leader without an AUX area", group_refusal(plan), "mapping an AUX buffer of 64KiB");
  plan.buffer.data_size = 12288;
  says("a ring of three pages", group_refusal(plan), "the kernel does not take this size");
}

// As an ordinary user, in a child: what needs no right opens, the rest is refused in words.
void check_without_rights() {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    failures = 0;
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(1);
    if (has_pmu("kprobe"))
      says("kprobe as nobody", refusal(trigger(TriggerKind::kprobe), {0, "__do_sys_getppid", 0}), "Permission denied");
    if (has_pmu("uprobe"))
      says("uprobe as nobody", refusal(trigger(TriggerKind::uprobe), {0, "/bin/true", 64}), "Permission denied");
    auto call = [] { seven_times([] { probed(1); }); };
    if (host.perf_event_paranoid.value_or(3) <= 2 && host.breakpoint_slots.value_or(0) != 0)
      counts("breakpoint x as nobody", trigger(TriggerKind::breakpoint), {0, "", reinterpret_cast<uintptr_t>(&probed)}, 7,
             call);
    ResolvedPlan plan;
    plan.buffer.data_size = 64 << 20;
    if (host.perf_event_paranoid.value_or(3) >= 0 && host.perf_event_paranoid.value_or(3) <= 2)
      says("a large ring as nobody", group_refusal(plan), "more than this user may lock in memory");
    std::fflush(stdout);
    _exit(failures == 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  check("without rights", WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace

int main() {
  host = read_host();
  probe_host(host);
  if (geteuid() != 0 || !host.tracefs || !host.perf_event_paranoid) {
    fmt::print("skipped: this needs root, perf events and tracefs\n");
    return 77;
  }
  perf_event_attr dummy = sideband_attr({}, {});
  if (const auto opened = perf::event_open(dummy, 0, -1); opened.error != 0) {
    fmt::print("skipped: perf_event_open: {}\n", std::strerror(opened.error));
    return 77;
  }
  check_tracepoints();
  if (host.breakpoint_slots.value_or(0) != 0) check_breakpoints();
  check_probes();
  check_events();
  check_refusals();
  check_group_refusals();
  check_without_rights();
  return failures == 0 ? 0 : 1;
}
