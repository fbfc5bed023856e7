// SPDX-License-Identifier: MIT
// Value: a TOML document as plain data, each element with its place in the text. What lies
// between the TOML library (config/parse.cpp, its only door) and the reader of plans.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/diagnostics.hpp"

namespace tracectl {

struct Entry;

struct Value {
  enum class Kind : uint8_t { string, integer, floating, boolean, date, array, table, unreadable };
  Kind kind = Kind::table;
  SourceRef at;
  std::string text;  // string
  int64_t integer = 0;
  bool boolean = false;
  std::vector<Value> items;    // array
  std::vector<Entry> entries;  // table, in no particular order
};

struct Entry {
  std::string key;
  SourceRef key_at;
  Value value;
};

// "a string", "an integer", ... for messages.
[[nodiscard]] const char* name_of(Value::Kind kind);

struct Document {
  Value root;
  // False: statements had to be left out, so that what is missing may only be unreadable.
  bool complete = true;
};

// Every syntax error, a doubled key among them, becomes a diagnostic; the document is what
// remains, with values of kind `unreadable` where only the value is broken. nullopt: there
// are too many errors to go on.
[[nodiscard]] std::optional<Document> parse_toml(const std::shared_ptr<const SourceText>& source, Diagnostics& diagnostics);

// The place of bytes [offset, offset + length) of a string value: exact where the string is
// written in the text as it is read, else the whole value.
[[nodiscard]] SourceRef inside(const SourceRef& value_at, const std::string& text, unsigned offset, unsigned length);

}  // namespace tracectl
