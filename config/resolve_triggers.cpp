// SPDX-License-Identifier: MIT
// Triggers and windows: what each `on` means, and windows as their two triggers.
#include <fmt/format.h>

#include "config/resolve_parts.hpp"
#include "config/value.hpp"
#include "triggers/filter.hpp"
#include "triggers/trigger_kinds.hpp"

namespace tracectl {
namespace {

// A trigger as written, whether in [[trigger]] or as one half of a window.
struct Written {
  SourceRef table;  // where a missing key is reported
  Field<std::string> on;
  const PlanTrigger* own = nullptr;  // null for a window's half
};

void text_error(ResolveContext& c, const Field<std::string>& field, const TextError& error) {
  c.diagnostics.error(inside(field.at, *field, error.offset, error.length), error.message, error.hint);
}

void check_machine_support(ResolveContext& c, const Written& w, const TriggerEvent& event) {
  const TriggerKindInfo& info = info_of(event.kind);
  if (c.emulated() && !info.emulated)
    return c.diagnostics.unsupported(
        w.on.at, fmt::format("{} triggers do not exist on the emulated machine: it runs no kernel", info.name),
        "they need machine = \"kernel\" on a computer with Intel PT; see tracectl list triggers");
  if (c.emulated() && event.kind == TriggerKind::tracepoint && !event.is_syscall)
    return c.diagnostics.unsupported(
        w.on.at, fmt::format("tracepoint {}:{} does not exist on the emulated machine", event.tp_group, event.tp_name),
        "it has syscalls:* and raw_syscalls:*");
  if (c.emulated()) return;
  if (is_kernel_probe(event.kind) && !c.host.privileged)
    c.diagnostics.unsupported(w.on.at, fmt::format("{} triggers need CAP_PERFMON", info.name),
                              "run as root, or use a tracepoint or a breakpoint");
  if (is_user_probe(event.kind) && !c.host.uprobes)
    c.diagnostics.unsupported(w.on.at, fmt::format("{} triggers need CAP_SYS_ADMIN", info.name),
                              "run as root, or use a breakpoint: from = \"breakpoint:OBJECT:SYMBOL\" needs no right");
}

void resolve_filter(ResolveContext& c, const PlanTrigger& in, const TriggerEvent& event, ResolvedTrigger* out) {
  if (!in.filter) return;
  if (event.kind != TriggerKind::tracepoint)
    return c.diagnostics.error(in.filter.at,
                               fmt::format("filter is for tracepoints; this is a {}", info_of(event.kind).name),
                               "limit takes the first N hits of any trigger");
  out->filter_text = *in.filter;
  if (!event.is_syscall) return c.note(fmt::format("the filter of {} is checked by the kernel when it is opened", out->on));
  auto program = compile_filter(*in.filter, syscall_fields(event.syscall, event.syscall_exit));
  if (!program) return text_error(c, in.filter, program.error());
  out->filter = std::move(*program);
}

// x86 debug registers: x takes exactly 8 = sizeof(long); data 1, 2, 4 or 8 bytes, aligned. AArch64: x takes 4.
// Source: perf_event_open(2), bp_len; arch/x86/kernel/hw_breakpoint.c, arch/arm64/kernel/hw_breakpoint.c.
void resolve_breakpoint(ResolveContext& c, const Written& w, const PlanTrigger& in, ResolvedTrigger* out) {
  out->access = in.access.value_or(BreakAccess::execute);
  const unsigned code = c.out.backend == BackendKind::coresight ? 4 : 8;
  const uint64_t len = in.len.value_or(out->access == BreakAccess::execute ? code : 8);
  out->len = static_cast<unsigned>(len);
  if (out->access == BreakAccess::execute && len != code)
    return c.diagnostics.error(in.len.at,
                               fmt::format("len = {}: an x breakpoint has len = {}, the kernel refuses others", len, code),
                               "leave len out, or watch data with access = \"w\"");
  if (len != 1 && len != 2 && len != 4 && len != 8)
    return c.diagnostics.error(
        in.len.at, fmt::format("len = {}: a {} breakpoint watches 1, 2, 4 or 8 bytes", len, name_of(out->access)));
  const bool data = out->access != BreakAccess::execute;
  if (data && out->where.form == CodeLocation::Form::file_line)
    c.diagnostics.error(w.on.at,
                        fmt::format("access = \"{}\" watches data, and a source line is code", name_of(out->access)),
                        "name a variable, breakpoint:OBJECT:SYMBOL, or its address");
  if (data && out->where.form == CodeLocation::Form::address && out->where.address % len != 0)
    c.diagnostics.error(w.on.at, fmt::format("{:#x} is not a multiple of len = {}", out->where.address, len),
                        "debug registers watch aligned data only");
}

void refuse(ResolveContext& c, bool present, const SourceRef& at, const char* key, const char* owner, const char* name) {
  if (present)
    c.diagnostics.error(at, fmt::format("{} is for {}; this is a {}", key, owner, name), fmt::format("leave {} out", key));
}

void resolve_options(ResolveContext& c, const Written& w, const TriggerEvent& event, ResolvedTrigger* out) {
  const PlanTrigger& in = *w.own;
  const char* kind = info_of(event.kind).name;
  resolve_filter(c, in, event, out);
  if (event.kind == TriggerKind::breakpoint) {
    resolve_breakpoint(c, w, in, out);
  } else {
    refuse(c, bool(in.access), in.access.at, "access", "breakpoints", kind);
    refuse(c, bool(in.len), in.len.at, "len", "breakpoints", kind);
  }
  out->period = in.period.value_or(1);
  if (out->period == 0)
    c.diagnostics.error(in.period.at, "period = 0: the kernel counts such an event but never acts on it",
                        "period = 1 acts on every hit");
  else if (event.kind != TriggerKind::event)
    refuse(c, out->period != 1, in.period.at, "period", "event: triggers", kind);
  refuse(c, in.size && out->action != Action::snapshot, in.size.at, "size", "snapshots", name_of(out->action));
  out->snapshot_size = in.size.value_or(out->snapshot_size);
  out->limit = in.limit.value;
  if (in.limit && *in.limit == 0)
    c.diagnostics.error(in.limit.at, "limit = 0: the trigger would never act", "leave it out for no limit");
}

// Adds the trigger and gives its index; -1 when it could not be understood.
int add_trigger(ResolveContext& c, const Written& w, Action action, const std::string& name) {
  auto event = parse_on(*w.on, c.out.backend);
  if (!event) {
    text_error(c, w.on, event.error());
    return -1;
  }
  check_machine_support(c, w, *event);
  ResolvedTrigger out;
  out.name = name;
  out.on = *w.on;
  out.kind = event->kind;
  out.action = action;
  out.where = event->where;
  out.tp_group = event->tp_group;
  out.tp_name = event->tp_name;
  out.syscall_nr = event->syscall == nullptr ? -1 : event->syscall->nr;
  out.syscall_exit = event->syscall_exit;
  out.event = event->event;
  if (w.own != nullptr) resolve_options(c, w, *event, &out);
  c.out.triggers.push_back(std::move(out));
  return static_cast<int>(c.out.triggers.size()) - 1;
}

void resolve_trigger(ResolveContext& c, const PlanTrigger& in) {
  if (!in.on.written())
    c.diagnostics.error(in.at, "this trigger does not say on what", "for example on = \"breakpoint:app:parse_header\"");
  if (!in.action.written())
    c.diagnostics.error(in.at, "this trigger does not say what to do", "do = \"resume\", \"pause\" or \"snapshot\"");
  if (in.on) add_trigger(c, {in.at, in.on, &in}, in.action.value_or(Action::resume), in.name.value_or(*in.on));
}

struct Ends {
  Field<std::string> from, to;
  std::string name;
};

std::optional<Ends> function_ends(ResolveContext& c, const PlanWindow& in) {
  if (const auto on = parse_on(*in.function, c.out.backend);
      on && on->kind != TriggerKind::tracepoint && on->kind != TriggerKind::event) {
    c.diagnostics.error(in.function.at, fmt::format("function = \"{}\" is an event, not a function", *in.function),
                        fmt::format("write function = \"{}\"", (*in.function).substr((*in.function).find(':') + 1)));
    return std::nullopt;
  }
  const auto where = parse_function(*in.function);
  if (!where) {
    text_error(c, in.function, where.error());
    return std::nullopt;
  }
  return Ends{{"uprobe:" + *in.function, in.function.at}, {"uretprobe:" + *in.function, in.function.at}, *in.function};
}

// The event's name, a macro's name, a call: the system call that is meant.
std::string meant_syscall(std::string name, BackendKind backend) {
  if (const size_t colon = name.rfind(':'); colon != std::string::npos) name.erase(0, colon + 1);
  for (const char* prefix : {"sys_enter_", "sys_exit_", "SYS_", "__NR_", "sys_"})
    if (name.rfind(prefix, 0) == 0) name.erase(0, std::string_view(prefix).size());
  name.erase(std::min(name.find('('), name.size()));
  const SyscallInfo* info = find_syscall(name, backend);
  return info != nullptr ? info->name : nearest_syscall(name, backend);
}

std::optional<Ends> syscall_ends(ResolveContext& c, const PlanWindow& in) {
  const SyscallInfo* info = find_syscall(*in.syscall, c.out.backend);
  if (info == nullptr) {
    const std::string near = meant_syscall(*in.syscall, c.out.backend);
    c.diagnostics.error(in.syscall.at, fmt::format("no system call \"{}\"", *in.syscall),
                        near.empty() ? "the name alone, as in man 2 syscalls: syscall = \"openat\""
                                     : fmt::format("did you mean \"{}\"?", near));
    return std::nullopt;
  }
  if (c.out.scope == Scope::user)
    c.diagnostics.error(
        in.syscall.at,
        fmt::format("in user scope the window of {} holds no instruction: they all run in the kernel", *in.syscall),
        fmt::format("for the kernel's path set scope = \"kernel\" (needs Intel PT hardware); for the program's "
                    "code between two calls use from = \"tracepoint:syscalls:sys_exit_{0}\" and to = "
                    "\"tracepoint:syscalls:sys_enter_...\"",
                    info->event));
  return Ends{{fmt::format("tracepoint:syscalls:sys_enter_{}", info->event), in.syscall.at},
              {fmt::format("tracepoint:syscalls:sys_exit_{}", info->event), in.syscall.at},
              *in.syscall};
}

std::optional<Ends> window_ends(ResolveContext& c, const PlanWindow& in) {
  const bool pair = in.from.written() || in.to.written();
  const int forms = (in.function.written() ? 1 : 0) + (in.syscall.written() ? 1 : 0) + (pair ? 1 : 0);
  if (forms == 0) {
    c.diagnostics.error(in.at, "this window does not say where it begins and ends",
                        "write function = \"OBJECT:SYMBOL\", syscall = \"NAME\", or from and to");
    return std::nullopt;
  }
  if (forms > 1) {
    c.diagnostics.error(in.at, "this window says twice where it begins and ends",
                        "one of function, syscall, or from and to");
    return std::nullopt;
  }
  if (in.function) return function_ends(c, in);
  if (in.syscall) return syscall_ends(c, in);
  if (pair && (!in.from.written() || !in.to.written()))
    c.diagnostics.error(
        in.at, fmt::format("this window has no {}", in.from.written() ? "to" : "from"),
        fmt::format("add {} = \"EVENT\"; a lone resume or pause is a [[trigger]]", in.from.written() ? "to" : "from"));
  if (!in.from || !in.to) return std::nullopt;  // reported: missing, or a bad value
  if (*in.from == *in.to)
    c.diagnostics.error(in.to.at, "from and to are the same event: one hit cannot both resume and pause",
                        "for a function from entry to return, write function = \"OBJECT:SYMBOL\"");
  return Ends{in.from, in.to, *in.from + " .. " + *in.to};
}

void resolve_window(ResolveContext& c, const PlanWindow& in) {
  if (in.limit && *in.limit == 0)
    c.diagnostics.error(in.limit.at, "limit = 0: the window would never open", "leave it out for no limit");
  const auto ends = window_ends(c, in);
  if (!ends) return;
  ResolvedWindow window;
  window.name = in.name.value_or(ends->name);
  window.limit = in.limit.value;
  window.longer_than = in.longer_than.value;
  window.resume = add_trigger(c, {in.at, ends->from}, Action::resume, window.name);
  window.pause = add_trigger(c, {in.at, ends->to}, Action::pause, window.name);
  const int index = static_cast<int>(c.out.windows.size());
  for (const int half : {window.resume, window.pause})
    if (half >= 0) c.out.triggers[static_cast<size_t>(half)].window = index;
  if (window.resume >= 0) c.out.triggers[static_cast<size_t>(window.resume)].limit = window.limit;
  c.out.windows.push_back(std::move(window));
}

}  // namespace

void resolve_triggers(ResolveContext& c) {
  for (const PlanTrigger& trigger : c.plan.triggers) resolve_trigger(c, trigger);
  for (const PlanWindow& window : c.plan.windows) resolve_window(c, window);
}

}  // namespace tracectl
