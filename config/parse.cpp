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
std::string in_our_words(std::string_view text) {
  constexpr std::string_view kTwice = "cannot redefine existing";
  if (text.find(kTwice) != std::string_view::npos) {  // the library goes on about types
    const size_t quote = std::min(text.find('\''), text.size());
    const std::string_view name = text.substr(quote, text.find('\'', quote + 1) - quote + 1);
    return fmt::format("{} is there already", name);
  }
  std::string out(text.substr(0, text.find('\n')));
  constexpr std::string_view kPrefix = "Error while parsing ";
  if (out.compare(0, kPrefix.size(), kPrefix) == 0) out = "in this " + out.substr(kPrefix.size());
  if (!out.empty() && out[0] >= 'A' && out[0] <= 'Z') out[0] = static_cast<char>(out[0] - 'A' + 'a');
  return out;
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
    diagnostics.error(at, "not TOML: " + in_our_words(error.description()), hint);
  }
  return std::nullopt;
}

SourceRef inside(const SourceRef& value_at, const std::string& text, unsigned offset, unsigned length) {
  if (value_at.source == nullptr) return value_at;
  std::string_view line = value_at.source->text;
  for (unsigned i = 1; i < value_at.line; ++i) line.remove_prefix(std::min(line.size(), line.find('\n') + 1));
  line = line.substr(0, line.find('\n'));
  // Columns are code points, offsets are bytes: exact only while the line is ASCII.
  const bool ascii = std::all_of(line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (!ascii || value_at.column == 0 || value_at.column - 1 > line.size()) return value_at;
  const std::string_view written = line.substr(value_at.column - 1);
  for (unsigned quote : {1u, 0u}) {  // a plan's string is quoted, an option's text is not
    if (quote == 1 && (written.empty() || (written[0] != '"' && written[0] != '\''))) continue;
    if (written.substr(std::min<size_t>(quote, written.size()), text.size()) == text)
      return value_at.at_offset(quote + offset, length);
  }
  return value_at;
}

}  // namespace tracectl
