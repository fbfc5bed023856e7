// SPDX-License-Identifier: MIT
// The one door to toml++.
// The library's assertions do not hold for every broken text (a key that begins with a byte
// that no key may begin with, say); what follows them reports the error. With NDEBUG it would
// tell the compiler to rely on them, so NDEBUG is off for this one file.
#undef NDEBUG
#define TOML_ASSERT(expr) static_cast<void>(0)
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "config/statements.hpp"
#include "config/value.hpp"

namespace tracectl {
namespace {

using Source = std::shared_ptr<const SourceText>;

SourceRef place(const Source& source, const toml::source_region& region) {
  SourceRef at{source, region.begin.line, region.begin.column, 1};
  if (region.end.line == region.begin.line && region.end.column > region.begin.column)
    at.length = region.end.column - region.begin.column;
  return at;
}

struct Origin {
  Source source;
  const std::set<unsigned>& placeholders;  // lines
};

Value convert(const Origin& origin, const toml::node& node);

void convert_table(const Origin& origin, const toml::table& table, Value* out) {
  out->kind = Value::Kind::table;
  for (const auto& [key, node] : table)
    out->entries.push_back({std::string(key.str()), place(origin.source, key.source()), convert(origin, node)});
}

void convert_array(const Origin& origin, const toml::array& array, Value* out) {
  out->kind = Value::Kind::array;
  for (const toml::node& node : array) out->items.push_back(convert(origin, node));
}

Value convert(const Origin& origin, const toml::node& node) {
  Value out;
  out.at = place(origin.source, node.source());
  if (const auto* table = node.as_table()) {
    convert_table(origin, *table, &out);
  } else if (const auto* array = node.as_array()) {
    convert_array(origin, *array, &out);
  } else if (origin.placeholders.count(out.at.line) != 0) {
    out.kind = Value::Kind::unreadable;
  } else if (const auto* text = node.as_string()) {
    out.kind = Value::Kind::string;
    out.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    out.kind = Value::Kind::integer;
    out.integer = integer->get();
  } else if (const auto* boolean = node.as_boolean()) {
    out.kind = Value::Kind::boolean;
    out.boolean = boolean->get();
  } else {
    out.kind = node.is_floating_point() ? Value::Kind::floating : Value::Kind::date;
  }
  return out;
}

// The library says "Error while parsing THING: DETAIL"; the detail is what a reader needs.
std::string in_our_words(std::string_view text, bool unclosed) {
  constexpr std::string_view kTwice = "cannot redefine existing";
  if (text.find(kTwice) != std::string_view::npos) {  // the library goes on about types
    const size_t quote = std::min(text.find('\''), text.size());
    const std::string_view name = text.substr(quote, text.find('\'', quote + 1) - quote + 1);
    return fmt::format("{} is there already", name);
  }
  if (text.find("unescaped control characters") != std::string_view::npos)
    return unclosed ? "the closing quote of this string is missing" : "a control character stands in this string";
  if (text.find("could not determine value type") != std::string_view::npos) return "what stands behind the = is no value";
  std::string out(text.substr(0, text.find('\n')));
  constexpr std::string_view kPrefix = "Error while parsing ";
  if (out.compare(0, kPrefix.size(), kPrefix) == 0) out = "in this " + out.substr(kPrefix.size());
  if (!out.empty() && out[0] >= 'A' && out[0] <= 'Z') out[0] = static_cast<char>(out[0] - 'A' + 'a');
  return out;
}

// The place is behind the last character of its line.
bool at_line_end(const SourceText& source, const SourceRef& at) {
  std::string_view line = source.text;
  for (unsigned i = 1; i < at.line; ++i) line.remove_prefix(std::min(line.size(), line.find('\n') + 1));
  line = line.substr(0, line.find_first_of("\r\n"));
  return at.column >
         static_cast<unsigned>(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// More would be noise: past this many the text is hardly a plan.
constexpr unsigned kMostErrors = 20;

// The library has undefined behaviour on bytes that are not UTF-8; it never sees any.
Source readable(const Source& source, Diagnostics& diagnostics, std::set<unsigned>* lines) {
  std::vector<BadBytes> bad;
  std::string text = to_utf8(source->text, &bad);
  if (bad.empty()) return source;
  auto out = std::make_shared<const SourceText>(SourceText{source->name, std::move(text)});
  for (const BadBytes& b : bad) {
    if (!lines->insert(b.line).second) continue;
    if (lines->size() > kMostErrors) break;
    diagnostics.error({out, b.line, b.column, b.count}, "not TOML: these bytes are not UTF-8",
                      "save the file in the encoding UTF-8");
  }
  return out;
}

const char* stray_hint(const std::string& text) {
  const auto begins = [&](const char* with) { return text.rfind(with, 0) == 0; };
  if (begins("\u201c") || begins("\u201d") || begins("\u201e") || begins("\u2018") || begins("\u2019"))
    return "strings stand in plain quotes: \"...\"";
  if (begins("\u00a0") || begins("\u2009") || begins("\u202f")) return "this blank is a special one: type a plain space";
  return "only strings and comments may hold such characters";
}

// Characters that no TOML has where they stand, and on which the library has undefined
// behaviour. `known`: lines about which enough was said.
unsigned set_strays_aside(const Source& source, Repair* repair, const std::set<unsigned>& known, Diagnostics& diagnostics) {
  unsigned count = 0;
  for (unsigned round = 0; round < kMostErrors; ++round) {
    const auto strays = cut_statements(repair->text()).strays;
    if (strays.empty()) return count;
    const Stray& stray = strays.front();
    if (!repair->set_aside(stray.line) || known.count(stray.line) != 0) continue;
    ++count;
    diagnostics.error({source, stray.line, stray.column, stray.count},
                      fmt::format("not TOML: \"{}\" stands outside a string", stray.text), stray_hint(stray.text));
  }
  return kMostErrors;
}

}  // namespace

const char* name_of(Value::Kind kind) {
  static constexpr const char* names[] = {"a string", "an integer", "a fraction", "a boolean",
                                          "a date",   "an array",   "a table",    "not TOML"};
  return names[static_cast<int>(kind)];
}

std::optional<Document> parse_toml(const Source& text, Diagnostics& diagnostics) {
  std::set<unsigned> bad_lines;
  const Source source = readable(text, diagnostics, &bad_lines);
  Repair repair(source->text);
  unsigned errors = static_cast<unsigned>(bad_lines.size());
  // Each round takes something out of the text, a statement at most twice.
  for (unsigned round = 0; errors <= kMostErrors && round < 3 * kMostErrors; ++round) {
    errors += set_strays_aside(source, &repair, bad_lines, diagnostics);
    if (errors > kMostErrors) break;
    const std::string rest = repair.text();
    const toml::parse_result result = toml::parse(std::string_view(rest), std::string_view(source->name));
    if (result) {
      Document document;
      document.complete = repair.complete();
      document.root.at = SourceRef{source, 1, 1, 1};
      convert_table({source, repair.placeholders()}, result.table(), &document.root);
      return document;
    }
    const toml::parse_error& error = result.error();
    const SourceRef at = place(source, error.source());
    const std::string hint = repair.hint(at.line);
    if (!repair.set_aside(at.line)) continue;
    ++errors;
    diagnostics.error(at, "not TOML: " + in_our_words(error.description(), at_line_end(*source, at)), hint);
  }
  return std::nullopt;
}

namespace {

// Bytes of the string that one written character stands for, and the columns that it takes.
struct Written {
  size_t bytes = 1, value_bytes = 1;
  unsigned columns = 1;
};

size_t utf8_size(unsigned char lead) { return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4; }

Written written_at(std::string_view text, bool escapes) {
  if (!escapes || text[0] != '\\')
    return {utf8_size(static_cast<unsigned char>(text[0])), utf8_size(static_cast<unsigned char>(text[0])), 1};
  const size_t digits = text.size() > 1 && text[1] == 'u' ? 4 : text.size() > 1 && text[1] == 'U' ? 8 : 0;
  if (digits == 0) return {2, 1, 2};
  unsigned code = 0;
  for (const char c : text.substr(2, digits))
    code = code * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  return {2 + digits, code < 0x80 ? 1u : code < 0x800 ? 2u : code < 0x10000 ? 3u : 4u, static_cast<unsigned>(2 + digits)};
}

// Columns from the opening quote to byte `offset` of the string's value; 0: the line ends before.
unsigned columns_to(std::string_view written, unsigned offset) {
  const bool escapes = written[0] == '"';
  unsigned columns = 1;
  size_t value = 0;
  for (size_t at = 1; at < written.size() && value < offset;) {
    const Written w = written_at(written.substr(at), escapes);
    at += w.bytes;
    value += w.value_bytes;
    columns += w.columns;
  }
  return value < offset ? 0 : columns;
}

}  // namespace

SourceRef inside(const SourceRef& value_at, const std::string& text, unsigned offset, unsigned length) {
  if (value_at.source == nullptr || value_at.column == 0) return value_at;
  std::string_view line = value_at.source->text;
  for (unsigned i = 1; i < value_at.line; ++i) line.remove_prefix(std::min(line.size(), line.find('\n') + 1));
  line = line.substr(0, line.find('\n'));
  for (unsigned i = 1; i < value_at.column && !line.empty(); ++i)
    line.remove_prefix(std::min(line.size(), utf8_size(static_cast<unsigned char>(line[0]))));
  const bool quoted = !line.empty() && (line[0] == '"' || line[0] == '\'');
  // A plan's string is quoted, an option's text is not. Text in three quotes may span lines: the value as a whole.
  if (!quoted) return line.substr(0, text.size()) == text ? value_at.at_offset(offset, length) : value_at;
  if (line.size() > 2 && line[1] == line[0] && line[2] == line[0]) return value_at;
  const unsigned begin = columns_to(line, offset), end = columns_to(line, offset + length);
  if (begin == 0) return value_at;
  return value_at.at_offset(begin, end > begin ? end - begin : length);
}

}  // namespace tracectl
