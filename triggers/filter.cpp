// SPDX-License-Identifier: MIT
#include "triggers/filter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "core/diagnostics.hpp"
#include "core/filter_eval.hpp"

namespace tracectl {
namespace {

using Outcome = std::optional<TextError>;  // empty: fine

constexpr size_t kMaxText = 255;  // MAX_FILTER_STR_VAL less the NUL
constexpr unsigned kMaxNesting = 100;
constexpr size_t kMaxNumber = 23;    // bytes of a number as it is written, sign and 0x included
constexpr size_t kMaxFilter = 4095;  // a page less the NUL

struct Relation {
  std::string_view text;
  FilterRelation relation;
};
// Longer spellings first.
constexpr Relation kRelations[] = {{"~", FilterRelation::glob}, {"!=", FilterRelation::ne}, {"==", FilterRelation::eq},
                                   {"<=", FilterRelation::le},  {"<", FilterRelation::lt},  {">=", FilterRelation::ge},
                                   {">", FilterRelation::gt},   {"&", FilterRelation::band}};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

class Compiler {
 public:
  Compiler(std::string_view text, const std::vector<FilterFieldInfo>& fields) : text_(text), fields_(fields) {}

  tl::expected<FilterProgram, TextError> run() {
    if (text_.size() > kMaxFilter)
      return tl::unexpected<TextError>(
          error(0, 1, fmt::format("a filter of {} bytes: the kernel takes {}", text_.size(), kMaxFilter)));
    skip();
    if (at_end())
      return tl::unexpected<TextError>(error(0, 1, "the filter is empty", "leave the key out to take every hit"));
    Outcome bad = parse_or();
    if (!bad && !at_end()) bad = leftover();
    if (bad) return tl::unexpected<TextError>(std::move(*bad));
    return std::move(program_);
  }

 private:
  bool at_end() const { return pos_ >= text_.size(); }
  char peek(size_t ahead = 0) const { return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0'; }
  void skip() {
    while (!at_end() && std::isspace(static_cast<unsigned char>(text_[pos_]))) ++pos_;
  }
  bool take(std::string_view token) {
    if (text_.substr(pos_, token.size()) != token) return false;
    pos_ += token.size();
    skip();
    return true;
  }
  TextError error(size_t offset, size_t length, std::string message, std::string hint = {}) const {
    return {static_cast<unsigned>(offset), static_cast<unsigned>(std::max<size_t>(1, length)), std::move(message),
            std::move(hint)};
  }

  TextError leftover() const {
    if (peek() == ')') return error(pos_, 1, "')' without a '('");
    std::string hint = "join two compares with && or ||";
    if (peek() == '&' || peek() == '|') hint = fmt::format("write {0}{0}, not {0}", peek());
    return error(pos_, text_.size() - pos_, "the filter should end here", std::move(hint));
  }

  Outcome parse_or() {
    if (auto bad = parse_and()) return bad;
    while (take("||")) {
      if (auto bad = parse_and()) return bad;
      program_.ops.push_back(logical(FilterCode::logical_or));
    }
    return std::nullopt;
  }
  Outcome parse_and() {
    if (auto bad = parse_unary()) return bad;
    while (take("&&")) {
      if (auto bad = parse_unary()) return bad;
      program_.ops.push_back(logical(FilterCode::logical_and));
    }
    return std::nullopt;
  }
  // As in the kernel, `!` binds to the whole compare: !ret < 0 is !(ret < 0).
  Outcome parse_unary() {
    bool invert = false;
    while (peek() == '!' && peek(1) != '=' && peek(1) != '~') {
      take("!");
      invert = !invert;
    }
    if (peek() == '(') {
      const size_t open = pos_;
      if (++nesting_ > kMaxNesting) return error(open, 1, "parentheses are nested too deeply");
      take("(");
      if (auto bad = parse_or()) return bad;
      if (at_end()) return error(open, 1, "'(' is never closed");
      if (!take(")")) return leftover();
      --nesting_;
    } else if (auto bad = parse_compare()) {
      return bad;
    }
    if (invert) program_.ops.push_back(logical(FilterCode::logical_not));
    return std::nullopt;
  }

  static FilterOp logical(FilterCode code) {
    FilterOp op{};
    op.code = code;
    return op;
  }

  Outcome parse_compare() {
    const size_t begin = pos_;
    while (is_word(peek())) ++pos_;
    const std::string name(text_.substr(begin, pos_ - begin));
    if (name.empty())
      return error(begin, 1, at_end() ? "the filter ends where a field should stand" : "expected a field name",
                   field_hint(""));
    const FilterFieldInfo* field = find(name);
    if (field == nullptr)
      return error(begin, name.size(), fmt::format("no field \"{}\" in this event", name), field_hint(name));
    if (!field->refusal.empty())
      return error(begin, name.size(), fmt::format("\"{}\" cannot be filtered on", name), field->refusal);
    bool ustring = false;
    if (auto bad = parse_suffix(*field, begin, &ustring)) return bad;
    skip();
    const size_t op_at = pos_;
    const Relation* relation = find_relation();
    if (relation == nullptr) return operator_error(op_at);
    pos_ += relation->text.size();
    skip();
    return parse_value(*field, ustring, begin, op_at, relation->relation);
  }

  Outcome parse_suffix(const FilterFieldInfo& field, size_t begin, bool* ustring) {
    if (peek() != '.') return std::nullopt;
    const size_t dot = pos_++;
    while (is_word(peek())) ++pos_;
    const std::string_view suffix = text_.substr(dot, pos_ - dot);
    if (suffix == ".function") return error(dot, suffix.size(), "\".function\" is not supported", "compare the number");
    if (suffix != ".ustring")
      return error(dot, suffix.size(), fmt::format("unknown suffix \"{}\"", suffix),
                   "the one suffix is .ustring: text in user memory");
    if (!field.is_text)
      return error(begin, pos_ - begin, fmt::format("\"{}\" is a number: .ustring needs text", field.name),
                   "leave .ustring out");
    *ustring = true;
    return std::nullopt;
  }

  const FilterFieldInfo* find(std::string_view name) const {
    const auto found = std::find_if(fields_.begin(), fields_.end(), [&](const auto& f) { return f.name == name; });
    return found == fields_.end() ? nullptr : &*found;
  }
  const Relation* find_relation() const {
    for (const Relation& relation : kRelations)
      if (text_.substr(pos_, relation.text.size()) == relation.text) return &relation;
    return nullptr;
  }
  std::string field_hint(const std::string& name) const {
    std::vector<std::string> names;
    std::string list;
    for (const FilterFieldInfo& field : fields_) {
      if (!field.refusal.empty()) continue;
      names.push_back(field.name);
      list += (list.empty() ? "" : ", ") + field.name;
    }
    const std::string near = name.empty() ? "" : nearest(name, names);
    return near.empty() ? "fields: " + list : fmt::format("did you mean \"{}\"? fields: {}", near, list);
  }
  TextError operator_error(size_t at) const {
    std::string hint = "operators: == != < <= > >= & ~";
    if (peek() == '=') hint = "to compare, write ==";
    if (peek() == '!' && peek(1) == '~') hint = "write the ! before the field: !comm ~ \"x*\"";
    return error(at, 1, at_end() ? "the filter ends where an operator should stand" : "expected an operator", hint);
  }

  Outcome parse_value(const FilterFieldInfo& field, bool ustring, size_t begin, size_t op_at, FilterRelation relation) {
    FilterOp op{};
    op.code = FilterCode::compare;
    op.field = field.field;
    op.relation = relation;
    op.size = field.size;
    op.is_signed = field.is_signed ? 1 : 0;
    op.is_string = field.is_text ? 1 : 0;
    if (peek() == '"' || peek() == '\'') {
      if (!field.is_text)
        return error(pos_, 1, fmt::format("\"{}\" is a number, this is text", field.name),
                     "write the number without quotes");
      if (relation != FilterRelation::eq && relation != FilterRelation::ne && relation != FilterRelation::glob)
        return error(op_at, pos_ - op_at, "this operator does not work on text", "text knows == != and ~");
      if (field.is_pointer && !ustring)
        return error(begin, field.name.size(),
                     fmt::format("\"{}\" points into user memory: without .ustring no hit passes", field.name),
                     fmt::format("write {}.ustring", field.name));
      return parse_text(op);
    }
    return parse_number(field, op);
  }

  Outcome parse_text(FilterOp op) {
    const size_t begin = pos_;
    const char quote = text_[pos_];
    const size_t end = text_.find(quote, pos_ + 1);
    if (end == std::string_view::npos)
      return error(begin, text_.size() - begin, fmt::format("the closing {} is missing", quote));
    std::string pattern(text_.substr(begin + 1, end - begin - 1));
    if (pattern.size() > kMaxText) return error(begin, end + 1 - begin, fmt::format("text of more than {} bytes", kMaxText));
    if (op.relation == FilterRelation::glob) {
      const bool wild = pattern.find_first_of("*?[\\") != std::string::npos;
      if (wild && std::isdigit(static_cast<unsigned char>(pattern[0])))
        return error(begin + 1, 1, "the kernel takes a pattern that begins with a digit as plain text",
                     fmt::format("write [{}]{}", pattern[0], pattern.substr(1)));
      if (!pattern.empty() && pattern[0] == '!') {
        op.relation = FilterRelation::not_glob;
        pattern.erase(0, 1);
      }
    }
    if (program_.pool.size() + pattern.size() >= UINT16_MAX) return error(begin, 1, "the filter has too much text");
    op.text = static_cast<uint16_t>(program_.pool.size());
    program_.pool += pattern;
    program_.pool += '\0';
    pos_ = end + 1;
    return push(op, begin);
  }

  Outcome parse_number(const FilterFieldInfo& field, FilterOp op) {
    const size_t begin = pos_;
    if (peek() == '-') ++pos_;
    while (is_word(peek())) ++pos_;
    const std::string_view word = text_.substr(begin, pos_ - begin);
    if (word.empty()) return error(begin, 1, at_end() ? "the filter ends where a value should stand" : "expected a value");
    if (word == "CPUS")
      return error(begin, word.size(), "CPUS{} lists are not supported", "join compares: cpu == 0 || cpu == 1");
    if (word.size() > kMaxNumber)
      return error(begin, word.size(),
                   fmt::format("a number of {} characters: the kernel takes {}", word.size(), kMaxNumber));
    if (!std::isdigit(static_cast<unsigned char>(word[0])) && word[0] != '-')
      return error(begin, word.size(), fmt::format("\"{}\" is not a number", word), "text needs quotes");
    if (field.is_text)
      return error(begin, word.size(), fmt::format("\"{}\" is text, this is a number", field.name), "text needs quotes");
    if (op.relation == FilterRelation::glob)
      return error(begin, word.size(), "~ compares text", "for numbers use == != < <= > >= &");
    if (auto bad = number_value(field, word, begin, &op.value)) return bad;
    skip();
    return push(op, begin);
  }

  // kstrtoll for signed fields, kstrtoull for the others: 0x hexadecimal, leading 0 octal.
  Outcome number_value(const FilterFieldInfo& field, std::string_view word, size_t at, uint64_t* value) const {
    const bool negative = word[0] == '-';
    std::string_view digits = word.substr(negative ? 1 : 0);
    const bool hex = digits.size() > 1 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    const bool octal = !hex && digits.size() > 1 && digits[0] == '0';
    if (hex) digits.remove_prefix(2);
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), *value,
                                             hex     ? 16
                                             : octal ? 8
                                                     : 10);
    const bool range = code == std::errc::result_out_of_range;
    if (!range && (code != std::errc() || end != digits.data() + digits.size()))
      return error(at, word.size(), fmt::format("\"{}\" is not a number", word),
                   octal ? "a leading 0 means octal" : "numbers are decimal, 0x hexadecimal or 0 octal");
    if (negative && !field.is_signed)
      return error(at, word.size(),
                   fmt::format("\"{}\" is an unsigned {}-byte field in the kernel's event", field.name, field.size),
                   range ? "" : fmt::format("a 32-bit int of {} is {:#x} there", word, static_cast<uint32_t>(0 - *value)));
    const uint64_t limit = !field.is_signed ? UINT64_MAX : negative ? uint64_t{1} << 63 : INT64_MAX;
    if (range || *value > limit) return error(at, word.size(), fmt::format("\"{}\" does not fit in 64 bits", word));
    if (negative) *value = 0 - *value;
    return std::nullopt;
  }

  Outcome push(const FilterOp& op, size_t at) {
    if (++compares_ > kFilterDepth) return error(at, 1, fmt::format("a filter of more than {} compares", kFilterDepth));
    program_.ops.push_back(op);
    skip();
    return std::nullopt;
  }

  std::string_view text_;
  const std::vector<FilterFieldInfo>& fields_;
  size_t pos_ = 0;
  unsigned nesting_ = 0;
  size_t compares_ = 0;
  FilterProgram program_;
};

}  // namespace

tl::expected<FilterProgram, TextError> compile_filter(std::string_view text, const std::vector<FilterFieldInfo>& fields) {
  return Compiler(text, fields).run();
}

}  // namespace tracectl
