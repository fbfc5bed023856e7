// SPDX-License-Identifier: MIT
// The kernel's code, copied into a capture while it is recorded: DIR/kcore_dir/{kcore,kallsyms,
// modules}, as `perf record --kcore` lays it out, so that perf and tracectl decode kernel trace
// anywhere and later. Only text is copied: the kernel's own, that of every module, and the pages
// of code that ftrace and kprobes make. Not the code of BPF programs.
//
// When: behind the opening of all events and before they are enabled, so that the copy has the
// code as it runs then (static branches and probes are patched into it).
// Units: bytes; addresses are virtual, ranges whole pages. Order: ascending, disjoint.
// Errors: no /proc/kcore (a kernel without CONFIG_PROC_KCORE, a container), no right to read it
// (CAP_SYS_RAWIO), pointers hidden (kptr_restrict), a disk that is full. A failure leaves no kcore_dir.
// Source: tools/perf/util/symbol-elf.c, kcore_copy(); fs/proc/kcore.c.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/capture/elf_core.hpp"
#include "core/result.hpp"

namespace tracectl::capture {

struct KernelRange {
  uint64_t address = 0, size = 0;
};

// What to copy, of the segments that kcore has. Pure. Empty when kallsyms does not say where the
// kernel's text is.
[[nodiscard]] std::vector<KernelRange> kernel_text_ranges(std::span<const CoreSegment> kcore, std::string_view kallsyms,
                                                          std::string_view modules);

// One mapping of kernel code for the capture's MMAP records (pid -1, misc KERNEL): perf looks for
// kernel symbols only where such a record says that the kernel is.
struct KernelMapping {
  uint64_t address = 0, size = 0;
  uint64_t file_offset = 0;  // "[kernel.kallsyms]_text": the address of _text, which shows perf a moved kernel
  std::string name;          // "[kernel.kallsyms]_text", "[ext4]"
};
[[nodiscard]] std::vector<KernelMapping> kernel_mappings(std::string_view kallsyms, std::string_view modules);

struct KernelImage {
  std::vector<KernelMapping> mappings;
  uint64_t bytes = 0;  // of code copied
};

// `directory`: of the capture; kcore_dir must not be there yet. `proc`: where the kernel shows itself.
[[nodiscard]] Result<KernelImage> copy_kernel_image(const std::string& directory, const std::string& proc = "/proc");

}  // namespace tracectl::capture
