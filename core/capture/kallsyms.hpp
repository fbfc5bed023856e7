// SPDX-License-Identifier: MIT
// The kernel's own lists as text: /proc/kallsyms and /proc/modules.
//
// Shape: "ffffffff81000000 T _text", "ffffffffc0201000 t ext4_map\t[ext4]";
// "ext4 839680 1 - Live 0xffffffffc0200000".
// Errors: a line of another shape is passed over. Addresses of 0 (the kernel shows no pointers
// to this user) are passed over too, so that such a list gives nothing.
// Source: kernel/kallsyms.c, s_show(); kernel/module/procfs.c, m_show().
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace tracectl::capture {

struct KernelSymbol {
  uint64_t address = 0;
  char type = 0;                  // as nm has it: t, T, w, W: code
  std::string_view name, module;  // into the text; module "" for the kernel itself
  [[nodiscard]] bool code() const { return type == 't' || type == 'T' || type == 'w' || type == 'W'; }
};
void for_each_kernel_symbol(std::string_view kallsyms, const std::function<void(const KernelSymbol&)>& fn);

struct KernelModule {
  std::string_view name;  // into the text
  uint64_t address = 0, size = 0;
};
[[nodiscard]] std::vector<KernelModule> parse_modules(std::string_view modules);

}  // namespace tracectl::capture
