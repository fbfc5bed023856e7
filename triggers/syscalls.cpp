// SPDX-License-Identifier: MIT
#include "triggers/syscalls.hpp"

#include <algorithm>
#include <iterator>

#include "core/diagnostics.hpp"

namespace tracectl {
namespace {

constexpr SyscallInfo kTable[] = {
#include "triggers/syscalls_x86_64.inc"
};

}  // namespace

std::span<const SyscallInfo> all_syscalls() { return kTable; }

const SyscallInfo* find_syscall(std::string_view name) {
  const auto found = std::find_if(std::begin(kTable), std::end(kTable),
                                  [&](const SyscallInfo& s) { return name == s.event || name == s.name; });
  return found == std::end(kTable) ? nullptr : &*found;
}

const SyscallInfo* find_syscall(int nr) {
  const auto found =
      std::lower_bound(std::begin(kTable), std::end(kTable), nr, [](const SyscallInfo& s, int want) { return s.nr < want; });
  return found == std::end(kTable) || found->nr != nr ? nullptr : &*found;
}

std::string nearest_syscall(std::string_view name) {
  std::vector<std::string> names;
  for (const SyscallInfo& info : kTable) {
    names.emplace_back(info.name);
    if (std::string_view(info.name) != info.event) names.emplace_back(info.event);
  }
  return nearest(name, names);
}

}  // namespace tracectl
