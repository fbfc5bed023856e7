// SPDX-License-Identifier: MIT
// The kernel's code as a capture holds it: DIR/kcore_dir/{kcore,kallsyms,modules}, as
// `perf record --kcore` and tracectl write them.
//
// Shape: kcore is an ELF core file whose segments lie at the kernel's virtual addresses;
// kallsyms is a copy of /proc/kallsyms. perf may append a time to the directory's name.
// Errors: what is missing or damaged gives fewer sections or symbols, never an Error.
// Source: tools/perf/util/symbol-elf.c, kcore_copy(); tools/perf/builtin-record.c.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/capture/elf_core.hpp"
#include "decode/image.hpp"
#include "decode/symbols.hpp"

namespace tracectl::decode {

inline constexpr const char* kKernelName = "[kernel.kallsyms]";  // as perf calls it

// User addresses are below it, the kernel's above, on every 64-bit machine.
inline constexpr uint64_t kKernelBegin = uint64_t{1} << 63;

// The kcore file of a capture's directory; "" when there is none.
[[nodiscard]] std::string find_kcore(const std::string& capture_directory);

// Its segments as sections named kKernelName, at time 0.
[[nodiscard]] std::vector<Section> kernel_sections(const std::string& kcore);

// The functions of kallsyms that lie in the segments, ascending file offset, one for each address.
// Of several names at an address the global one, then the one with fewer leading underscores,
// then the shorter. Names of a module's functions end in " [module]". A function's size reaches
// to the next symbol of any kind, or to the end of its segment.
[[nodiscard]] std::vector<Symbol> kernel_symbols(std::string_view kallsyms, const std::vector<capture::CoreSegment>& kcore);

// kernel_symbols() of a kcore file with the kallsyms beside it; empty when `path` is none.
[[nodiscard]] std::vector<Symbol> kernel_symbols_of(const std::string& path);

}  // namespace tracectl::decode
