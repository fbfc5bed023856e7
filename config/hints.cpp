// SPDX-License-Identifier: MIT
#include "config/hints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "config/parse.hpp"
#include "core/diagnostics.hpp"
#include "core/units.hpp"

namespace tracectl {
namespace {

struct Synonym {
  const char* word;
  const char* ours;
};
constexpr Synonym kSynonyms[] = {
    {"start", "resume"},   {"begin", "resume"},    {"on", "resume"},      {"stop", "pause"},      {"end", "pause"},
    {"off", "pause"},      {"read", "rw"},         {"r", "rw"},           {"write", "w"},         {"wr", "rw"},
    {"readwrite", "rw"},   {"exec", "x"},          {"execute", "x"},      {"started", "running"}, {"stopped", "paused"},
    {"intel", "intel_pt"}, {"pt", "intel_pt"},     {"overwrite", "ring"}, {"snapshot", "ring"},   {"block", "wait"},
    {"qemu", "emulated"},  {"hardware", "kernel"}, {"both", "all"},
};

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool is_one_of(const std::string& word, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* w) { return word == w; });
}

// A command line in one string, as an array.
std::string in_brackets(const std::string& text) {
  std::string out, word;
  const auto flush = [&] {
    if (!word.empty()) out += fmt::format("{}\"{}\"", out.empty() ? "" : ", ", word);
    word.clear();
  };
  for (const char c : text) c == ' ' ? flush() : word.push_back(c);
  flush();
  return "write it in brackets: [" + (out.empty() ? "\"a\", \"b\"" : out) + "]";
}

std::string bool_hint(const std::string& key, const Value& v) {
  const std::string word = lower(v.text);
  if (v.kind == Value::Kind::string && is_one_of(word, {"true", "yes", "on", "1"}))
    return fmt::format("write {} = true, without quotes", key);
  if (v.kind == Value::Kind::string && is_one_of(word, {"false", "no", "off", "0"}))
    return fmt::format("write {} = false, without quotes", key);
  if (v.kind == Value::Kind::integer && (v.integer == 0 || v.integer == 1))
    return fmt::format("write {} = {}", key, v.integer == 1 ? "true" : "false");
  return fmt::format("write {} = true or {} = false", key, key);
}

std::string count_hint(const std::string& key, const Value& v) {
  const bool digits = !v.text.empty() && v.text.size() < 19 && v.text.find_first_not_of("0123456789") == std::string::npos;
  if (v.kind == Value::Kind::string && digits) return fmt::format("write {} = {}, without quotes", key, v.text);
  if (v.kind == Value::Kind::floating) return "write it without a fraction";
  return {};
}

}  // namespace

std::string type_hint(const std::string& key, const std::string& values, const Value& v) {
  if (values == "true or false") return bool_hint(key, v);
  if (values.find("whole number") != std::string::npos) return count_hint(key, v);
  if (values == "an array of strings")
    return v.kind == Value::Kind::string ? in_brackets(v.text) : "write it in brackets: [\"a\", \"b\"]";
  if (values.find("duration") != std::string::npos)
    return v.kind == Value::Kind::integer && v.integer > 0 ? fmt::format("write \"{0}s\" or \"{0}ms\"", v.integer)
                                                           : "write a number and a unit in quotes, for example \"10s\"";
  if (values.find("size") != std::string::npos)
    return v.kind == Value::Kind::integer && v.integer >= 0
               ? fmt::format("write \"{}\"", print_size(static_cast<uint64_t>(v.integer)))
               : "write a number and a unit in quotes, for example \"4MiB\"";
  if (v.kind == Value::Kind::array && (key == "on" || key == "do"))
    return fmt::format("one {} a trigger: write a [[trigger]] for each", key == "on" ? "event" : "action");
  if (v.kind == Value::Kind::array) return "one string, without brackets";
  return values == "a string" ? fmt::format("write {} = \"...\"", key) : "write one of them, in quotes";
}

std::string meant_word(const std::string& word, const std::vector<std::string>& names) {
  const auto known = [&](const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); };
  std::string small = lower(word);
  if (known(small)) return small;
  for (const Synonym& synonym : kSynonyms)
    if (small == synonym.word && known(synonym.ours)) return synonym.ours;
  const std::string near = nearest(small, names);
  return near.size() > 2 ? near : "";  // every short word is near to one of a letter
}

std::string elsewhere_hint(const std::string& key) {
  std::string tables;
  for (const KeyInfo& info : plan_keys()) {
    if (key != info.key) continue;
    const std::string table = info.table;
    const bool many = table == "trigger" || table == "window";
    const std::string place =
        table.empty() ? "at the top of the plan, before any table" : (many ? "in [[" + table + "]]" : "in [" + table + "]");
    tables += (tables.empty() ? "" : " or ") + place;
  }
  return tables.empty() ? "" : fmt::format("{} belongs {}", key, tables);
}

}  // namespace tracectl
