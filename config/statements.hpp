// SPDX-License-Identifier: MIT
// Statements: the text of a plan cut into TOML statements without reading it as TOML, so
// that one that is broken can be set aside and the errors of the others be found too.
//
// Units: lines and columns count from 1; a column is a code point.
// Errors: none; text that is not TOML is cut where its author most likely meant to.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tracectl {

// Bytes that are not UTF-8, side by side.
struct BadBytes {
  unsigned line = 0, column = 0, count = 0;
};
// The text with U+FFFD for every byte that is not UTF-8; `bad` says where.
[[nodiscard]] std::string to_utf8(std::string_view text, std::vector<BadBytes>* bad);

// A header or a key with its value.
struct Statement {
  unsigned first = 0, last = 0;  // lines
  bool header = false;           // [name] or [[name]]
  bool open = false;             // an array or a string that it begins does not end
};

// Characters outside ASCII that stand in neither a string nor a comment, side by side.
struct Stray {
  unsigned line = 0, column = 0, count = 0;
  std::string text;
};

struct Cut {
  std::vector<Statement> statements;
  std::vector<Stray> strays;
};
[[nodiscard]] Cut cut_statements(std::string_view text);

// A text under repair. Each repair leaves every other line where it is.
class Repair {
 public:
  explicit Repair(std::string_view text);

  [[nodiscard]] std::string text() const;
  // Sets aside what stands at `line`, where the reader of TOML gave up: a value first becomes
  // a placeholder and a header its plain form; at the second complaint the statement goes.
  // False: this statement was set aside before, the complaint is no news.
  bool set_aside(unsigned line);

  // Lines whose value is only a placeholder.
  [[nodiscard]] const std::set<unsigned>& placeholders() const { return placeholders_; }
  // Nothing is gone that a later check could miss.
  [[nodiscard]] bool complete() const { return complete_; }
  // "strings stand in quotes: size = \"4MiB\"" where that is what the line lacks.
  [[nodiscard]] std::string hint(unsigned line) const;

 private:
  [[nodiscard]] std::optional<Statement> statement_at(unsigned line) const;
  bool mend(const Statement& statement);
  void blank(const Statement& statement);

  std::vector<std::string> lines_;
  std::set<unsigned> placeholders_, seen_;
  bool complete_ = true;
};

}  // namespace tracectl
