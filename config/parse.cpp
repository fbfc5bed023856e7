// SPDX-License-Identifier: MIT
// The one door to toml++.
// The library's assertions do not hold for every broken text (a key that begins with a byte
// that no key may begin with, say); what follows them reports the error. With NDEBUG it would
// tell the compiler to rely on them, so NDEBUG is off for this one file.
#undef NDEBUG
#define TOML_ASSERT(expr) static_cast<void>(0)
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <string_view>

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

Value convert(const Source& source, const toml::node& node);

void convert_table(const Source& source, const toml::table& table, Value* out) {
  out->kind = Value::Kind::table;
  for (const auto& [key, node] : table)
    out->entries.push_back({std::string(key.str()), place(source, key.source()), convert(source, node)});
}

void convert_array(const Source& source, const toml::array& array, Value* out) {
  out->kind = Value::Kind::array;
  for (const toml::node& node : array) out->items.push_back(convert(source, node));
}

Value convert(const Source& source, const toml::node& node) {
  Value out;
  out.at = place(source, node.source());
  if (const auto* table = node.as_table()) {
    convert_table(source, *table, &out);
  } else if (const auto* array = node.as_array()) {
    convert_array(source, *array, &out);
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
std::string first_lower(std::string_view text) {
  std::string out(text.substr(0, text.find('\n')));
  constexpr std::string_view kPrefix = "Error while parsing ";
  if (out.compare(0, kPrefix.size(), kPrefix) == 0) out = "in this " + out.substr(kPrefix.size());
  if (!out.empty() && out[0] >= 'A' && out[0] <= 'Z') out[0] = static_cast<char>(out[0] - 'A' + 'a');
  return out;
}

}  // namespace

const char* name_of(Value::Kind kind) {
  static constexpr const char* names[] = {"a string", "an integer", "a fraction", "a boolean",
                                          "a date",   "an array",   "a table"};
  return names[static_cast<int>(kind)];
}

std::optional<Value> parse_toml(const Source& source, Diagnostics& diagnostics) {
  const toml::parse_result result = toml::parse(std::string_view(source->text), std::string_view(source->name));
  if (!result) {
    const toml::parse_error& error = result.error();
    diagnostics.error(place(source, error.source()), "not TOML: " + first_lower(error.description()),
                      "errors of the plan itself are reported once the text is TOML");
    return std::nullopt;
  }
  Value root;
  root.at = SourceRef{source, 1, 1, 1};
  convert_table(source, result.table(), &root);
  return root;
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
