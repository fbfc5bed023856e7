// SPDX-License-Identifier: MIT
// Code that the kernel puts into every program without a file: its bytes as a file of the capture, and behind the kernel's
// own MMAP2 record one that names that file.
//
// [uprobes]: uprobe_page.hpp. [vdso]: the way back from a signal's handler on AArch64, the clock's functions; the same for
// all programs of tracectl's own kind, so tracectl's own is taken. A 32-bit program has another one, which is left out.
// Source: arch/arm64/kernel/vdso.c, arch/x86/entry/vdso/vma.c; getauxval(3), AT_SYSINFO_EHDR.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/capture/writer.hpp"
#include "core/perf/records.hpp"

namespace tracectl::kernel {

inline constexpr const char* kVdso = "[vdso]";  // as MMAP2 names it

// The first `size` bytes of tracectl's own; empty when it has none.
[[nodiscard]] std::string own_vdso(uint64_t size);
// Is what lies there ours? Programs of 32 bits have all of theirs below 4 GiB.
[[nodiscard]] inline bool has_own_vdso(uint64_t address) { return address >> 32 != 0; }

class PageFile {
 public:
  // `name`: in images/. `bytes`: of a mapping of this size; empty: none are known.
  PageFile(capture::Writer& writer, std::string name, std::function<std::string(uint64_t size)> bytes)
      : writer_(writer), name_(std::move(name)), bytes_(std::move(bytes)) {}
  // Writes the file (once), and says behind the kernel's own record that it lies where `mapping` says. `fields`: that
  // record's sample_id.
  Result<> mapped(const perf::MmapRecord& mapping, const perf::SampleFields& fields);
  // The file's path; empty when there are no bytes.
  Result<std::string> path(uint64_t size);

 private:
  capture::Writer& writer_;
  std::string name_;
  std::function<std::string(uint64_t)> bytes_;
  std::string path_;  // empty until it is written
};

}  // namespace tracectl::kernel
