// SPDX-License-Identifier: MIT
#include "views/source_excerpts.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <string_view>
#include <tuple>

namespace tracectl::views {
namespace {

constexpr unsigned kAround = 3;         // lines before and behind a hot one
constexpr uint64_t kLargest = 8 << 20;  // bytes of a source file
constexpr size_t kWidest = 200;         // bytes of a line

bool is_source(const std::filesystem::path& path) {
  static constexpr std::array<std::string_view, 22> kSuffixes = {
      ".c",  ".cc", ".cpp", ".cxx", ".c++", ".h", ".hh", ".hpp", ".hxx", ".inl", ".inc",
      ".rs", ".go", ".s",   ".S",   ".d",   ".m", ".mm", ".zig", ".adb", ".f90", ".swift"};
  return path.is_absolute() && std::find(kSuffixes.begin(), kSuffixes.end(), path.extension().string()) != kSuffixes.end();
}

// Empty when the file cannot be read or may not be.
std::vector<std::string> read_lines(const std::string& file) {
  std::vector<std::string> out;
  std::error_code error;
  const std::filesystem::path path(file);
  if (!is_source(path) || !std::filesystem::is_regular_file(path, error)) return out;
  if (std::filesystem::file_size(path, error) > kLargest || error) return out;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.size() > kWidest) line = line.substr(0, kWidest) + " ...";
    out.push_back(std::move(line));
  }
  return out;
}

std::vector<LineTotals> hottest(std::vector<LineTotals> lines, size_t most) {
  std::stable_sort(lines.begin(), lines.end(),
                   [](const LineTotals& a, const LineTotals& b) { return a.instructions > b.instructions; });
  if (lines.size() > most) lines.resize(most);
  return lines;
}

// The excerpts of one file. `hot`: its hottest lines, ascending; `known`: all that ran.
void add_file(const std::vector<LineTotals>& hot, const std::map<unsigned, uint64_t>& known, std::vector<Excerpt>& out) {
  const std::vector<std::string> text = read_lines(hot.front().file);
  for (size_t i = 0; i < hot.size();) {
    Excerpt e;
    e.file = hot[i].file;
    e.has_text = hot[i].line >= 1 && hot[i].line <= text.size();
    const unsigned around = e.has_text ? kAround : 0;
    unsigned first = hot[i].line > around ? hot[i].line - around : 1, last = hot[i].line + around;
    uint64_t most = 0;
    for (; i < hot.size() && hot[i].line <= last + around + 1; ++i) {
      last = hot[i].line + around;
      if (hot[i].instructions > most) e.function = hot[i].function;
      most = std::max(most, hot[i].instructions);
      if (!e.has_text) e.lines.push_back({hot[i].line, hot[i].instructions, ""});
    }
    for (unsigned n = first; e.has_text && n <= std::min<size_t>(last, text.size()); ++n) {
      const auto at = known.find(n);
      e.lines.push_back({n, at == known.end() ? 0 : at->second, text[n - 1]});
    }
    for (const ExcerptLine& line : e.lines) e.instructions += line.instructions;
    out.push_back(std::move(e));
  }
}

}  // namespace

std::vector<Excerpt> hot_excerpts(const std::vector<LineTotals>& lines, size_t most) {
  std::map<std::string, std::vector<LineTotals>> files;
  for (const LineTotals& line : hottest(lines, most)) files[line.file].push_back(line);
  std::map<std::string, std::map<unsigned, uint64_t>> known;
  for (const LineTotals& line : lines)
    if (files.count(line.file) != 0) known[line.file][line.line] += line.instructions;
  std::vector<Excerpt> out;
  for (auto& [file, hot] : files) {
    std::sort(hot.begin(), hot.end(), [](const LineTotals& a, const LineTotals& b) { return a.line < b.line; });
    add_file(hot, known[file], out);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Excerpt& a, const Excerpt& b) { return a.instructions > b.instructions; });
  return out;
}

}  // namespace tracectl::views
