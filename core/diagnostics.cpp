// SPDX-License-Identifier: MIT
#include "core/diagnostics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <tuple>

namespace tracectl {
namespace {

std::string_view line_of(const SourceText& source, unsigned line) {
  std::string_view rest = source.text;
  for (unsigned i = 1; i < line; ++i) {
    const size_t newline = rest.find('\n');
    if (newline == std::string_view::npos) return {};
    rest.remove_prefix(newline + 1);
  }
  rest = rest.substr(0, rest.find('\n'));
  if (!rest.empty() && rest.back() == '\r') rest.remove_suffix(1);
  return rest;
}

bool continues_code_point(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Blanks under the first `column - 1` code points of `line`; tabs stay tabs so that the caret
// stands under its character at any tab width.
std::string caret_line(std::string_view line, unsigned column, unsigned length) {
  std::string out;
  unsigned seen = 0, room = 0;
  for (char c : line) {
    if (continues_code_point(c)) continue;
    if (++seen < column)
      out += c == '\t' ? '\t' : ' ';
    else
      ++room;
  }
  while (++seen < column) out += ' ';
  const unsigned tail = std::max(1u, std::min(length, std::max(room, 1u)));
  return out + "^" + std::string(tail - 1, '~');
}

std::string text_of(const Diagnostic& d) {
  const char* word = d.severity == Severity::error ? "error" : "warning";
  std::string out;
  if (d.at.source == nullptr) {
    out = fmt::format("{}: {}\n", word, d.message);
  } else {
    out = fmt::format("{}:{}:{}: {}: {}\n", d.at.source->name, d.at.line, d.at.column, word, d.message);
    const std::string_view line = line_of(*d.at.source, d.at.line);
    if (!line.empty()) out += fmt::format("    {}\n    {}\n", line, caret_line(line, d.at.column, d.at.length));
  }
  if (!d.hint.empty()) out += fmt::format("hint: {}\n", d.hint);
  return out;
}

}  // namespace

void Diagnostics::add(Diagnostic diagnostic) {
  if (diagnostic.severity == Severity::error) ++errors_;
  all_.push_back(std::move(diagnostic));
}
void Diagnostics::error(const SourceRef& at, std::string message, std::string hint) {
  add({Severity::error, ErrorKind::usage, at, std::move(message), std::move(hint)});
}
void Diagnostics::unsupported(const SourceRef& at, std::string message, std::string hint) {
  add({Severity::error, ErrorKind::unsupported, at, std::move(message), std::move(hint)});
}
void Diagnostics::warning(const SourceRef& at, std::string message, std::string hint) {
  add({Severity::warning, ErrorKind::usage, at, std::move(message), std::move(hint)});
}

int Diagnostics::exit_code() const {
  int code = 0;
  for (const Diagnostic& d : all_) {
    if (d.severity != Severity::error) continue;
    if (d.kind == ErrorKind::usage) return static_cast<int>(ErrorKind::usage);
    code = static_cast<int>(d.kind);
  }
  return code;
}

std::string Diagnostics::text() const {
  std::vector<const SourceText*> sources;
  const auto rank = [&](const Diagnostic& d) {
    const auto found = std::find(sources.begin(), sources.end(), d.at.source.get());
    return found - sources.begin();
  };
  for (const Diagnostic& d : all_)
    if (std::find(sources.begin(), sources.end(), d.at.source.get()) == sources.end()) sources.push_back(d.at.source.get());
  std::vector<const Diagnostic*> sorted;
  for (const Diagnostic& d : all_) sorted.push_back(&d);
  std::stable_sort(sorted.begin(), sorted.end(), [&](const Diagnostic* a, const Diagnostic* b) {
    return std::tuple(rank(*a), a->at.line, a->at.column) < std::tuple(rank(*b), b->at.line, b->at.column);
  });
  std::string out;
  for (const Diagnostic* d : sorted) out += text_of(*d);
  return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, word.size() / 2) + 1;
  for (const std::string& candidate : candidates) {
    // Levenshtein distance, one row at a time.
    std::vector<size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= word.size(); ++i) {
      size_t diagonal = row[0];
      row[0] = i;
      for (size_t j = 1; j <= candidate.size(); ++j) {
        const size_t substituted = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
      }
    }
    // A word that was only begun is near, however much is missing.
    const bool begun = word.size() >= 2 && candidate.compare(0, word.size(), word) == 0;
    const size_t distance = begun ? 1 : row.back();
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace tracectl
