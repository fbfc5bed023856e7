// SPDX-License-Identifier: MIT
#include "triggers/syscalls.hpp"

#include <algorithm>

#include "core/diagnostics.hpp"

namespace tracectl {
namespace {

constexpr SyscallInfo kX86Table[] = {
#include "triggers/syscalls_x86_64.inc"
};
constexpr SyscallInfo kArmTable[] = {
#include "triggers/syscalls_aarch64.inc"
};

}  // namespace

std::span<const SyscallInfo> all_syscalls(BackendKind backend) {
  if (backend == BackendKind::coresight) return kArmTable;
  return kX86Table;
}

const SyscallInfo* find_syscall(std::string_view name, BackendKind backend) {
  const auto table = all_syscalls(backend);
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const SyscallInfo& s) { return name == s.event || name == s.name; });
  return found == table.end() ? nullptr : &*found;
}

const SyscallInfo* find_syscall(int nr, BackendKind backend) {
  const auto table = all_syscalls(backend);
  const auto found =
      std::lower_bound(table.begin(), table.end(), nr, [](const SyscallInfo& s, int want) { return s.nr < want; });
  return found == table.end() || found->nr != nr ? nullptr : &*found;
}

std::string nearest_syscall(std::string_view name, BackendKind backend) {
  std::vector<std::string> names;
  for (const SyscallInfo& info : all_syscalls(backend)) {
    names.emplace_back(info.name);
    if (std::string_view(info.name) != info.event) names.emplace_back(info.event);
  }
  return nearest(name, names);
}

}  // namespace tracectl
