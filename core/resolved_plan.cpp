// SPDX-License-Identifier: MIT
#include "core/resolved_plan.hpp"

namespace tracectl {

bool is_return(TriggerKind kind) { return kind == TriggerKind::uretprobe || kind == TriggerKind::kretprobe; }
bool is_kernel_probe(TriggerKind kind) { return kind == TriggerKind::kprobe || kind == TriggerKind::kretprobe; }
bool is_user_probe(TriggerKind kind) { return kind == TriggerKind::uprobe || kind == TriggerKind::uretprobe; }

bool hits_in_kernel(const ResolvedTrigger& t) {
  constexpr uint64_t kUpperHalf = uint64_t{1} << 63;  // canonical addresses: x86-64 and AArch64 kernels lie there
  if (is_kernel_probe(t.kind)) return true;
  if (t.kind == TriggerKind::breakpoint && t.where.form == CodeLocation::Form::address) return t.where.address >= kUpperHalf;
  return t.kind == TriggerKind::tracepoint && t.tp_group != "syscalls" && t.tp_group != "raw_syscalls";
}

bool sits_in_file(const ResolvedTrigger& t) {
  if (t.kind == TriggerKind::tracepoint || t.kind == TriggerKind::event || is_kernel_probe(t.kind)) return false;
  return t.where.form != CodeLocation::Form::address;
}

const char* name_of(BackendKind v) { return v == BackendKind::intel_pt ? "intel_pt" : "coresight"; }
const char* name_of(MachineKind v) { return v == MachineKind::kernel ? "kernel" : "emulated"; }
const char* name_of(Scope v) { return v == Scope::user ? "user" : v == Scope::kernel ? "kernel" : "all"; }
const char* name_of(Action v) { return v == Action::resume ? "resume" : v == Action::pause ? "pause" : "snapshot"; }
const char* name_of(TriggerKind v) {
  static constexpr const char* names[] = {"tracepoint", "breakpoint", "uprobe", "uretprobe", "kprobe", "kretprobe", "event"};
  return names[static_cast<int>(v)];
}
const char* name_of(BreakAccess v) { return v == BreakAccess::execute ? "x" : v == BreakAccess::write ? "w" : "rw"; }
const char* name_of(BufferMode v) { return v == BufferMode::full ? "full" : "ring"; }
const char* name_of(BufferPages v) { return v == BufferPages::scatter ? "scatter" : "contiguous"; }
const char* name_of(OnFull v) { return v == OnFull::wait ? "wait" : v == OnFull::stop ? "stop" : "drop"; }
const char* name_of(ThreadMode v) { return v == ThreadMode::exact ? "exact" : "per-cpu"; }

std::string Target::ids_text() const {
  std::string out;
  for (const int32_t id : ids) out += (out.empty() ? "" : ",") + std::to_string(id);
  return out;
}

std::string name_of(const Target& target) {
  switch (target.kind) {
    case TargetKind::command:
      return "";
    case TargetKind::process:
      return "process " + target.ids_text();
    case TargetKind::thread:
      return "thread " + target.ids_text();
    case TargetKind::cpus:
      return "all cpus";
    case TargetKind::cgroup:
      return "cgroup " + target.cgroup;
  }
  return "";
}

}  // namespace tracectl
