// SPDX-License-Identifier: MIT
#include "config/statements.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tracectl {
namespace {

bool ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }
bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }
bool bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::string_view leading_name(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && bare(text[n])) ++n;
  return text.substr(0, n);
}

// Where the '=' of "name =" stands in `line`; npos when it does not begin so.
size_t equals_of(std::string_view line) {
  size_t at = std::min(line.find_first_not_of(" \t"), line.size());
  const size_t name = leading_name(line.substr(at)).size();
  if (name == 0) return std::string_view::npos;
  at = line.find_first_not_of(" \t", at + name);
  return at != std::string_view::npos && line[at] == '=' ? at : std::string_view::npos;
}

// The name of "[name" or "[[name"; plans hold no array whose elements look like that.
std::string_view header_name(std::string_view line) {
  line = trim(line);
  if (line.empty() || line[0] != '[') return {};
  line =
      trim(line.substr(line.find_first_not_of('[') == std::string_view::npos ? line.size() : line.find_first_not_of('[')));
  return leading_name(line);
}

bool begins_statement(std::string_view line) {
  return equals_of(line) != std::string_view::npos || !header_name(line).empty();
}

// Length of the UTF-8 sequence at the front of `text`; 0 when it is none.
size_t sequence_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xC2 && lead <= 0xDF ? 2 : (lead & 0xF0) == 0xE0 ? 3 : lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  // Longer than needed, a surrogate, or behind the last code point.
  if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F)) return 0;
  if ((lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F)) return 0;
  return length;
}

// Walks a text line by line; knows what is string, comment and bracket.
class Cutter {
 public:
  void line(std::string_view text, unsigned number) {
    if (quote_.empty()) begin_line(text, number);
    unsigned column = 0;
    bool comment = false;
    for (size_t i = 0; i < text.size() && !comment;) {
      column += continues(text[i]) ? 0 : 1;
      if (!quote_.empty()) {
        i += in_string(text.substr(i), column);
      } else {
        comment = text[i] == '#';
        i += in_code(text, i, number, column);
      }
    }
    if (quote_.size() == 1) quote_.clear();  // such a string ends with its line, closed or not
    if (!cut_.statements.empty() && in_statement_) cut_.statements.back().last = number;
    if (quote_.empty() && depth_ == 0) in_statement_ = false;
  }

  Cut finish() {
    if (in_statement_ && !cut_.statements.empty()) cut_.statements.back().open = true;
    return std::move(cut_);
  }

 private:
  void begin_line(std::string_view text, unsigned number) {
    const std::string_view content = trim(text);
    if (content.empty() || content[0] == '#') return;
    if (in_statement_) {
      if (!begins_statement(text)) return;
      cut_.statements.back().open = true;
    }
    depth_ = 0;
    in_statement_ = true;
    cut_.statements.push_back({number, number, content[0] == '[', false});
  }

  // Both return how many bytes they took; `column` is the first one's.
  size_t in_string(std::string_view rest, unsigned& column) {
    if (rest[0] == '\\' && quote_[0] == '"' && rest.size() > 1 && ascii(rest[1])) {
      ++column;
      return 2;
    }
    if (rest.substr(0, quote_.size()) != quote_) return 1;
    const size_t taken = quote_.size();
    column += static_cast<unsigned>(taken - 1);
    quote_.clear();
    return taken;
  }

  size_t in_code(std::string_view text, size_t i, unsigned line, unsigned& column) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      const std::string triple(3, c);
      quote_ = text.substr(i, 3) == triple ? triple : std::string(1, c);
      column += static_cast<unsigned>(quote_.size() - 1);
      return quote_.size();
    }
    if (c == '[' || c == '{') ++depth_;
    if ((c == ']' || c == '}') && depth_ > 0) --depth_;
    // A header ends with its line, however its brackets are.
    if (!cut_.statements.empty() && cut_.statements.back().header && cut_.statements.back().first == line) depth_ = 0;
    if (!ascii(c)) stray(text, i, line, column);
    return 1;
  }

  void stray(std::string_view text, size_t i, unsigned line, unsigned column) {
    if (line == 1 && i < 3 && text.substr(0, 3) == "\xEF\xBB\xBF") return;  // a byte order mark
    auto& strays = cut_.strays;
    if (continues(text[i])) {
      if (!strays.empty()) strays.back().text += text[i];
    } else if (!strays.empty() && strays.back().line == line && strays.back().column + strays.back().count == column) {
      ++strays.back().count;
      strays.back().text += text[i];
    } else {
      strays.push_back({line, column, 1, std::string(1, text[i])});
    }
  }

  Cut cut_;
  std::string quote_;  // what closes the string that we are in
  unsigned depth_ = 0;
  bool in_statement_ = false;
};

}  // namespace

std::string to_utf8(std::string_view text, std::vector<BadBytes>* bad) {
  std::string out;
  unsigned line = 1, column = 1;
  while (!text.empty()) {
    const size_t length = sequence_length(text);
    if (length == 0) {
      if (!bad->empty() && bad->back().line == line && bad->back().column + bad->back().count == column)
        ++bad->back().count;
      else
        bad->push_back({line, column, 1});
      out += "\xEF\xBF\xBD";
    } else {
      out += text.substr(0, length);
    }
    ++column;
    if (text[0] == '\n') {
      ++line;
      column = 1;
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

Cut cut_statements(std::string_view text) {
  Cutter cutter;
  for (unsigned number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    cutter.line(text.substr(0, end), number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return cutter.finish();
}

Repair::Repair(std::string_view text) {
  while (true) {
    const size_t end = text.find('\n');
    lines_.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
}

std::string Repair::text() const { return fmt::format("{}", fmt::join(lines_, "\n")); }

std::optional<Statement> Repair::statement_at(unsigned line) const {
  const auto all = cut_statements(text()).statements;
  auto next = std::find_if(all.begin(), all.end(), [&](const Statement& s) { return s.first > line; });
  if (next == all.begin()) return std::nullopt;
  auto found = next - 1;
  // What does not end is at fault for what follows it, too.
  if (found != all.begin() && found->first == line && (found - 1)->open) --found;
  return *found;
}

bool Repair::set_aside(unsigned line) {
  const auto statement = statement_at(line);
  if (!statement) {
    // Nothing that we take for a statement: the line itself goes, or else nothing would change.
    complete_ = false;
    if (line == 0 || line > lines_.size()) line = static_cast<unsigned>(lines_.size());
    lines_[line - 1].clear();
    return true;
  }
  const bool news = seen_.insert(statement->first).second;
  if (!news || !mend(*statement)) blank(*statement);
  return news;
}

bool Repair::mend(const Statement& statement) {
  std::string& first = lines_[statement.first - 1];
  if (statement.header) {
    const std::string name(header_name(first));
    if (name.empty()) return false;
    const bool many = trim(first).substr(0, 2) == "[[" || first.find("]]") != std::string::npos;
    first = many ? fmt::format("[[{}]]", name) : fmt::format("[{}]", name);
    return true;
  }
  const size_t equals = equals_of(first);
  if (equals == std::string::npos) return false;
  first = first.substr(0, equals + 1) + " 0";
  placeholders_.insert(statement.first);
  // Whatever a string without an end took in may have been meant as keys.
  if (statement.open && statement.last >= lines_.size() - 1) complete_ = false;
  for (unsigned line = statement.first + 1; line <= statement.last; ++line) lines_[line - 1].clear();
  return true;
}

void Repair::blank(const Statement& statement) {
  unsigned last = statement.last;
  if (statement.header) {  // its keys would join the table before it
    const auto all = cut_statements(text()).statements;
    const auto next =
        std::find_if(all.begin(), all.end(), [&](const Statement& s) { return s.header && s.first > statement.first; });
    last = next == all.end() ? static_cast<unsigned>(lines_.size()) : next->first - 1;
  }
  // A key that is wrong even with a placeholder stands there a second time.
  if (placeholders_.count(statement.first) == 0) complete_ = false;
  for (unsigned line = statement.first; line <= last; ++line) {
    lines_[line - 1].clear();
    placeholders_.erase(line);
  }
}

std::string Repair::hint(unsigned line) const {
  if (line == 0 || line > lines_.size()) return {};
  const std::string_view text = lines_[line - 1];
  if (trim(text).substr(0, 2) == "//" || trim(text).substr(0, 1) == ";") return "a comment begins with #";
  if (const auto last = trim(text); !last.empty() && last.back() == ';') return "a line ends without ;";
  const size_t equals = equals_of(text);
  const size_t colon = text.find(':');
  if (colon != std::string_view::npos && (equals == std::string_view::npos || equals == colon + 1))
    return fmt::format("write {} = VALUE", trim(text.substr(0, colon)));
  if (equals == std::string_view::npos) return {};
  std::string_view value = trim(text.substr(equals + 1, text.find('#') - equals - 1));
  if (value.empty()) return {};
  const std::string_view key = trim(text.substr(0, equals));
  if (value[0] == '=') return fmt::format("one = sets a value: {} = ...", key);
  const bool yes = value == "yes" || value == "on" || value == "True" || value == "TRUE";
  if (yes || value == "no" || value == "off" || value == "False" || value == "FALSE")
    return fmt::format("write {} = {}", key, yes ? "true" : "false");
  if (const size_t next = value.find("\", ");
      next != std::string_view::npos && value.find('=', next) != std::string_view::npos)
    return "one key a line, without commas";
  if (value.find('"') != std::string_view::npos && value.find('\\') != std::string_view::npos)
    return "a backslash stands in single quotes as it is: '...'";
  const bool word = std::any_of(value.begin(), value.end(), [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; });
  if (!word || value.find_first_of("\"'[]{}\\") != std::string_view::npos) return {};
  return fmt::format("strings stand in quotes: {} = \"{}\"", trim(text.substr(0, equals)), value);
}

}  // namespace tracectl
