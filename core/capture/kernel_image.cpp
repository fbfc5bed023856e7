// SPDX-License-Identifier: MIT
#include "core/capture/kernel_image.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>

#include "core/capture/kallsyms.hpp"

namespace tracectl::capture {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kLargest = uint64_t{1} << 30;  // of the kernel's text: more is a damaged list
constexpr const char* kRightsHint = "run as root (it needs CAP_SYS_RAWIO), or trace user space only";
constexpr const char* kPointersHint = "as root: sysctl kernel.kptr_restrict=0, or run tracectl as root";

uint64_t page_of(uint64_t address) { return address / kPage * kPage; }
uint64_t page_behind(uint64_t address) { return page_of(address + kPage - 1); }

// Where code begins and ends, from the two lists.
struct Text {
  uint64_t begin = 0, end = 0;      // _stext, _etext; 0 when not told
  uint64_t text = 0;                // _text, or _stext
  std::vector<KernelRange> made;    // pages of ftrace and kprobes
  std::vector<KernelRange> module;  // text of each module, in the order of the list
};

// The end of a module's text: where the symbol behind its last function begins, else all of it.
uint64_t text_end(const KernelModule& m, std::vector<KernelSymbol>& own) {
  std::sort(own.begin(), own.end(), [](const KernelSymbol& a, const KernelSymbol& b) { return a.address < b.address; });
  const auto last = std::find_if(own.rbegin(), own.rend(), [](const KernelSymbol& s) { return s.code(); });
  if (last == own.rend()) return m.address + m.size;
  const auto behind = std::find_if(last.base(), own.end(), [&](const auto& s) { return s.address != last->address; });
  return behind == own.end() ? m.address + m.size : behind->address;
}

Text read_lists(std::string_view kallsyms, std::string_view modules) {
  Text out;
  uint64_t text = 0;
  const auto list = parse_modules(modules);
  std::vector<std::vector<KernelSymbol>> own(list.size());
  for_each_kernel_symbol(kallsyms, [&](const KernelSymbol& s) {
    if (s.module.empty()) {
      if (s.name == "_stext") out.begin = s.address;
      if (s.name == "_etext") out.end = s.address;
      if (s.name == "_text") text = s.address;
    } else if (s.module.starts_with("__builtin__")) {
      if (s.code()) out.made.push_back({page_of(s.address), kPage});
    } else {
      for (size_t i = 0; i < list.size(); ++i)
        if (list[i].name == s.module && s.address - list[i].address < list[i].size) own[i].push_back(s);
    }
  });
  out.text = text != 0 ? text : out.begin;
  for (size_t i = 0; i < list.size(); ++i)
    out.module.push_back({list[i].address, text_end(list[i], own[i]) - list[i].address});
  return out;
}

// Whole pages, ascending, what overlaps or touches as one.
std::vector<KernelRange> joined(std::vector<KernelRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.address < b.address; });
  std::vector<KernelRange> out;
  for (const KernelRange& r : ranges) {
    const uint64_t begin = page_of(r.address), end = page_behind(r.address + r.size);
    if (end <= begin || end - begin > kLargest) continue;
    if (!out.empty() && begin <= out.back().address + out.back().size)
      out.back().size = std::max(out.back().address + out.back().size, end) - out.back().address;
    else
      out.push_back({begin, end - begin});
  }
  return out;
}

// The segment that holds all of a range, or nullptr.
const CoreSegment* segment_of(std::span<const CoreSegment> kcore, const KernelRange& r) {
  for (const CoreSegment& s : kcore)
    if (r.address >= s.address && r.address - s.address < s.size && r.size <= s.size - (r.address - s.address)) return &s;
  return nullptr;
}

Result<std::string> read_all(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno(fmt::format("cannot read {}", path));
  std::string out;
  char part[1 << 16];
  for (ssize_t n; (n = ::read(fd.get(), part, sizeof part)) != 0;) {
    if (n < 0) return fail_errno(fmt::format("cannot read {}", path));
    out.append(part, static_cast<size_t>(n));
  }
  return out;
}

Result<> write_all(const Fd& to, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(to.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      return fail_errno(fmt::format("cannot write {}", path), "free space there, or write elsewhere with -o DIRECTORY");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<> write_file(const std::string& path, std::string_view text) {
  const Fd fd(::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(fmt::format("cannot create {}", path));
  return write_all(fd, path, text);
}

// One range, page by page where the kernel refuses more: a page that is gone reads as zeros.
Result<> copy_range(const Fd& from, const CoreSegment& segment, const KernelRange& r, const Fd& to,
                    const std::string& path) {
  std::string part(1 << 18, '\0');
  for (uint64_t at = 0; at < r.size;) {
    const uint64_t wanted = std::min<uint64_t>(part.size(), r.size - at);
    const auto offset = static_cast<off_t>(r.address + at - segment.address + segment.offset);
    ssize_t n = ::pread(from.get(), part.data(), wanted, offset);
    if (n < 0 && errno == EPERM) return fail_errno("cannot read /proc/kcore (the kernel is locked down?)", kRightsHint);
    if (n <= 0) {
      n = static_cast<ssize_t>(std::min(wanted, kPage));
      std::fill_n(part.begin(), n, '\0');
    }
    if (auto done = write_all(to, path, std::string_view(part).substr(0, static_cast<size_t>(n))); !done) return done;
    at += static_cast<uint64_t>(n);
  }
  return {};
}

#if defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
#else
constexpr uint16_t kMachine = EM_X86_64;
#endif

Result<uint64_t> write_kcore(const Fd& from, std::span<const CoreSegment> kcore, std::span<const KernelRange> ranges,
                             const std::string& path) {
  const Fd to(::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  if (!to) return fail_errno(fmt::format("cannot create {}", path));
  std::vector<CoreSegment> out;
  uint64_t bytes = 0;
  for (const KernelRange& r : ranges) {
    out.push_back({r.address, r.size, core_head_size(ranges.size()) + bytes, true});
    bytes += r.size;
  }
  if (auto done = write_all(to, path, core_head(out, kMachine)); !done) return tl::unexpected(done.error());
  for (const KernelRange& r : ranges)
    if (auto done = copy_range(from, *segment_of(kcore, r), r, to, path); !done) return tl::unexpected(done.error());
  return bytes;
}

}  // namespace

std::vector<KernelRange> kernel_text_ranges(std::span<const CoreSegment> kcore, std::string_view kallsyms,
                                            std::string_view modules) {
  const Text text = read_lists(kallsyms, modules);
  if (text.begin == 0 || text.end <= text.begin) return {};
  std::vector<KernelRange> wanted = text.module;
  wanted.insert(wanted.end(), text.made.begin(), text.made.end());
  wanted.push_back({text.begin, text.end - text.begin});
  std::vector<KernelRange> out = joined(std::move(wanted));
  std::erase_if(out, [kcore](const KernelRange& r) { return segment_of(kcore, r) == nullptr; });
  if (out.size() > kMostCoreSegments) out.resize(kMostCoreSegments);
  return out;
}

std::vector<KernelMapping> kernel_mappings(std::string_view kallsyms, std::string_view modules) {
  const Text text = read_lists(kallsyms, modules);
  std::vector<KernelMapping> out;
  if (text.begin == 0 || text.end <= text.begin) return out;
  const uint64_t begin = std::min(text.text, text.begin);
  out.push_back({begin, text.end - begin, text.text, "[kernel.kallsyms]_text"});
  for (const KernelModule& m : parse_modules(modules)) out.push_back({m.address, m.size, 0, fmt::format("[{}]", m.name)});
  return out;
}

Result<KernelImage> copy_kernel_image(const std::string& directory, const std::string& proc) {
  const std::string kcore_path = proc + "/kcore", out = directory + "/kcore_dir";
  const Fd kcore(::open(kcore_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!kcore) {
    const bool absent = errno == ENOENT;
    return fail_unsupported(
        fmt::format("cannot copy the kernel's code: cannot open {}: {}", kcore_path, std::strerror(errno)),
        absent ? "this kernel does not show its memory (CONFIG_PROC_KCORE); trace user space only" : kRightsHint);
  }
  const auto segments = read_core_segments(kcore, kcore_path);
  if (!segments) return tl::unexpected(segments.error());
  const auto kallsyms = read_all(proc + "/kallsyms");
  if (!kallsyms) return tl::unexpected(kallsyms.error());
  const std::string modules = read_all(proc + "/modules").value_or("");  // none: a kernel without modules
  const auto ranges = kernel_text_ranges(*segments, *kallsyms, modules);
  if (ranges.empty())
    return fail(fmt::format("cannot copy the kernel's code: {}/kallsyms does not say where it is", proc), kPointersHint);
  if (::mkdir(out.c_str(), 0700) != 0) return fail_errno(fmt::format("cannot create directory {}", out));
  auto bytes = write_kcore(kcore, *segments, ranges, out + "/kcore");
  Result<> done;
  if (bytes) done = write_file(out + "/kallsyms", *kallsyms);
  if (bytes && done) done = write_file(out + "/modules", modules);
  if (!bytes || !done) {
    std::error_code ignored;
    std::filesystem::remove_all(out, ignored);
    return tl::unexpected(bytes ? done.error() : bytes.error());
  }
  return KernelImage{kernel_mappings(*kallsyms, modules), *bytes};
}

}  // namespace tracectl::capture
