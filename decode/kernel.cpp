// SPDX-License-Identifier: MIT
#include "decode/kernel.hpp"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <tuple>

#include "core/capture/kallsyms.hpp"
#include "core/fd.hpp"
#include "decode/paths.hpp"

namespace tracectl::decode {
namespace fs = std::filesystem;
namespace {

constexpr const char* kDirectoryName = "kcore_dir";

std::vector<capture::CoreSegment> segments_of(const std::string& kcore) {
  const Fd fd(::open(kcore.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  return capture::read_core_segments(fd, kcore).value_or(std::vector<capture::CoreSegment>{});
}

// The lower, the better the name for people.
auto rank_of(const capture::KernelSymbol& s) {
  const size_t underscores = std::min(s.name.find_first_not_of('_'), s.name.size());
  const int binding = s.type == 'T' ? 0 : s.type == 'W' || s.type == 'w' ? 1 : 2;
  return std::tuple(!s.code(), binding, underscores, s.name.size(), s.name);
}

Symbol symbol_of(const capture::KernelSymbol& s, uint64_t file_offset, uint64_t size) {
  std::string name(s.name);
  if (!s.module.empty()) name += " [" + std::string(s.module) + "]";
  return {name, name, file_offset, size};
}

}  // namespace

std::string find_kcore(const std::string& capture_directory) {
  if (capture_directory.empty()) return {};
  std::error_code ec;
  std::string best;
  for (fs::directory_iterator at(capture_directory, ec), end; !ec && at != end; at.increment(ec)) {
    const std::string name = at->path().filename().string();
    if (name != kDirectoryName && !name.starts_with(std::string(kDirectoryName) + "__")) continue;
    std::string kcore = at->path().string() + "/kcore";
    std::error_code none;
    if (!fs::is_regular_file(kcore, none)) continue;
    if (name == kDirectoryName) return kcore;
    best = std::max(best, kcore);
  }
  return best;
}

std::vector<Section> kernel_sections(const std::string& kcore) {
  std::vector<Section> out;
  if (kcore.empty()) return out;
  for (const capture::CoreSegment& s : segments_of(kcore))
    if (s.address >= kKernelBegin) out.push_back({0, s.address, s.size, s.offset, kcore, kKernelName, ""});
  return out;
}

std::vector<Symbol> kernel_symbols(std::string_view kallsyms, const std::vector<capture::CoreSegment>& kcore) {
  std::vector<capture::KernelSymbol> all;
  capture::for_each_kernel_symbol(kallsyms, [&all](const capture::KernelSymbol& s) { all.push_back(s); });
  std::sort(all.begin(), all.end(), [](const capture::KernelSymbol& a, const capture::KernelSymbol& b) {
    return a.address != b.address ? a.address < b.address : rank_of(a) < rank_of(b);
  });
  std::vector<capture::CoreSegment> segments = kcore;
  std::sort(segments.begin(), segments.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
  std::vector<Symbol> out;
  for (const capture::CoreSegment& segment : segments) {
    const uint64_t end = segment.address + segment.size;
    auto at = std::lower_bound(all.begin(), all.end(), segment.address,
                               [](const capture::KernelSymbol& s, uint64_t address) { return s.address < address; });
    while (at != all.end() && at->address < end) {
      const auto next = std::find_if(at, all.end(), [at](const auto& s) { return s.address != at->address; });
      const uint64_t behind = next == all.end() ? end : std::min(end, next->address);
      const uint64_t offset = at->address - segment.address + segment.offset;
      const bool fresh = out.empty() || out.back().file_offset < offset;
      if (at->code() && fresh) out.push_back(symbol_of(*at, offset, behind - at->address));
      at = next;
    }
  }
  return out;
}

std::vector<Symbol> kernel_symbols_of(const std::string& path) {
  if (last_parts(path, 1) != "kcore") return {};
  std::ifstream in(directory_of(path) + "/kallsyms", std::ios::binary);
  if (!in) return {};
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return kernel_symbols(text, segments_of(path));
}

}  // namespace tracectl::decode
