// SPDX-License-Identifier: MIT
#include "machines/emulated/wire.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/elf_machine.hpp"
#include "machines/emulated/buffers.hpp"
#include "machines/emulated/protocol.hpp"

namespace tracectl::emulated {
namespace {

template <class T>
void append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void copy_path(char (&out)[kMaxPath], const std::string& path) {
  const size_t n = std::min(path.size(), sizeof out - 1);
  std::memcpy(out, path.data(), n);
  out[n] = 0;
}

// Some 10 ms: what QEMU needs to translate a program's busy code again is less than that.
constexpr uint32_t kIdleBlocks = 1u << 20;

WireTrigger wire_trigger(const ResolvedTrigger& t) {
  WireTrigger w{};
  w.kind = static_cast<uint8_t>(t.kind);
  w.action = static_cast<uint8_t>(t.action);
  w.syscall_exit = t.syscall_exit ? 1 : 0;
  w.raw_syscall = t.kind == TriggerKind::tracepoint && t.syscall_nr < 0 ? 1 : 0;
  w.syscall_nr = t.syscall_nr;
  w.address = t.where.form == CodeLocation::Form::address ? t.where.address : 0;
  w.limit = t.limit.value_or(~0ull);
  w.period = t.period;
  w.snapshot_size = t.snapshot_size;
  w.access = static_cast<uint8_t>(t.access);
  w.len = static_cast<uint8_t>(t.len);
  return w;
}

// TRCSYNCPR as the kernel's driver sets it: an A-sync every 4096 bytes. Source: etm4_set_default_config.
constexpr uint64_t kAsyncBytes = 4096;

void set_unit(HelloReply& reply, const ResolvedPlan& plan) {
  const bool arm = plan.backend == BackendKind::coresight;
  reply.elf_machine = arm ? kElfAArch64 : kElfX86_64;
  reply.time = (arm ? plan.coresight.timestamp : plan.intel_pt.tsc) ? 1 : 0;
  reply.return_compression = (arm ? plan.coresight.retstack : !plan.intel_pt.noretcomp) ? 1 : 0;
  reply.context_id = arm && plan.coresight.contextid ? 1 : 0;
  reply.restarts = arm ? 1 : 0;
  reply.aux_flags = aux_format(plan).flags;
  reply.flush = plan.coresight.formatted ? 1 : 0;
  reply.wraps = plan.coresight.wraps ? 1 : 0;
  reply.sync_bytes = arm ? kAsyncBytes : 1ull << (plan.intel_pt.psb_period + 11);
}

}  // namespace

std::string sysroot_for(BackendKind backend, const HostFacts& host) {
  return backend == BackendKind::coresight && host.aarch64_sysroot != "/" ? host.aarch64_sysroot : "";
}

bool can_translate_again(const QemuFacts& qemu) {
  if (qemu.major != 7 || qemu.minor != 2) return qemu.major >= 10;
  int patch = 0;
  const auto dot = qemu.version.rfind('.');
  if (dot == std::string::npos) return false;
  std::from_chars(qemu.version.data() + dot + 1, qemu.version.data() + qemu.version.size(), patch);
  return qemu.version.find('.') != dot && patch >= 18;
}

std::string hello_reply(const ResolvedPlan& plan, const HostFacts& host, std::optional<uint32_t> test_idle) {
  HelloReply reply{};
  std::string triggers, filters, pool;
  for (const auto& t : plan.triggers) {
    WireTrigger w = wire_trigger(t);
    w.filter_first = static_cast<uint32_t>(filters.size() / sizeof(FilterOp));
    w.filter_count = static_cast<uint32_t>(t.filter.ops.size());
    w.pool_offset = static_cast<uint32_t>(pool.size());
    for (const auto& op : t.filter.ops) append(filters, op);
    pool += t.filter.pool;
    append(triggers, w);
  }
  pool.push_back('\0');
  reply.version = kProtocolVersion;
  reply.trigger_count = static_cast<uint32_t>(plan.triggers.size());
  reply.filter_count = static_cast<uint32_t>(filters.size() / sizeof(FilterOp));
  reply.pool_size = static_cast<uint32_t>(pool.size());
  reply.start_paused = plan.start_paused ? 1 : 0;
  reply.follow = plan.follow ? 1 : 0;
  set_unit(reply, plan);
  reply.ring = plan.buffer.mode == BufferMode::ring || plan.coresight.wraps ? 1 : 0;
  reply.keep_end = plan.buffer.keep_end || plan.coresight.wraps ? 1 : 0;
  reply.on_full = static_cast<uint32_t>(plan.buffer.on_full);
  reply.fixed_idle = test_idle ? 1 : 0;
  reply.idle_blocks = test_idle.value_or(can_translate_again(qemu_for(plan.backend, host)) ? kIdleBlocks : 0);
  // A sink's memory is taken before it is full, as if the thread had been switched out.
  reply.wakeup =
      plan.coresight.sink_size == 0 ? plan.buffer.wakeup : std::min(plan.buffer.wakeup, plan.coresight.sink_size / 2);
  reply.window_limit = plan.limits.windows.value_or(~0ull);
  copy_path(reply.qemu, qemu_for(plan.backend, host).path);
  copy_path(reply.plugin, host.plugin_path);
  copy_path(reply.sysroot, sysroot_for(plan.backend, host));
  std::string out;
  append(out, reply);
  return out + triggers + filters + pool;
}

std::string module_reply(const ModuleAnswer& answer) {
  ModuleReply reply{};
  const size_t room = (kMaxMessage - sizeof reply) / sizeof(WireSite);
  reply.count = static_cast<uint32_t>(std::min(answer.sites.size(), room));
  reply.build_id_size = static_cast<uint32_t>(std::min<size_t>(answer.build_id.size(), sizeof reply.build_id));
  reply.code_offset = answer.code_offset;
  std::memcpy(reply.build_id, answer.build_id.data(), reply.build_id_size);
  std::string out;
  append(out, reply);
  for (uint32_t i = 0; i < reply.count; ++i) {
    const TriggerSite& s = answer.sites[i];
    append(out, WireSite{s.trigger, s.data ? 1u : 0u, s.file_offset});
  }
  return out;
}

}  // namespace tracectl::emulated
