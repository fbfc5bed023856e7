// SPDX-License-Identifier: MIT
#include "core/units.hpp"

#include <fmt/format.h>

#include <cctype>
#include <limits>
#include <span>

namespace tracectl {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};
// Ascending, so that printing can walk from the end.
constexpr Unit kSizes[] = {{"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}};
constexpr Unit kDurations[] = {
    {"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"min", 60000000000ull}, {"h", 3600000000000ull}};
constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();

struct Vocabulary {
  const char* noun;
  const char* legal;
  const char* example;
  std::span<const Unit> units;
};
constexpr Vocabulary kSizeWords{"size", "B, KiB, MiB, GiB", "4MiB", kSizes};
constexpr Vocabulary kDurationWords{"duration", "ns, us, ms, s, min, h", "1.5ms", kDurations};

// The unit that somebody who wrote `text` most likely meant; "" when none comes to mind.
std::string_view meant_unit(std::string_view text, const Vocabulary& words) {
  if (text.empty()) return "";
  const char first = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  for (const Unit& unit : words.units)
    if (std::tolower(static_cast<unsigned char>(unit.name[0])) == first) return unit.name;
  return "";
}

// What somebody meant by a unit that is spelt in another way; "" when it is not.
std::string other_spelling(std::string_view number, std::string_view unit, const Vocabulary& words) {
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  for (const Unit& known : words.units)
    if (known.name == unit) return fmt::format("write \"{}{}\", without a blank", number, unit);
  if (unit == "\u00b5s" || unit == "\u03bcs") return fmt::format("write \"{}us\"", number);
  if (unit == "TiB" || unit == "TB" || unit == "T") return "the largest unit is GiB";
  if (unit == "m" && words.units.size() == std::size(kDurations))
    return fmt::format("write \"{0}min\" for minutes, \"{0}ms\" for milliseconds", number);
  if (unit.size() > 1 && unit.front() == ',') return "a fraction has a point, not a comma";
  if (unit.size() > 1 && unit.front() == 'e' && unit[1] >= '0' && unit[1] <= '9')
    return "write the number without an exponent";
  if (unit.front() == 'x') return "write the number in decimal";
  if (unit.find_first_of("0123456789") != std::string_view::npos)
    return fmt::format("one number and one unit: {}", words.legal);
  return {};
}

Result<uint64_t> unit_error(std::string_view text, std::string_view number, std::string_view unit, const Vocabulary& words) {
  if (unit.empty())
    return fail_usage(fmt::format("{} \"{}\" has no unit", words.noun, text),
                      fmt::format("write a unit: {}; for example \"{}\"", words.legal, words.example));
  if (std::string hint = other_spelling(number, unit, words); !hint.empty())
    return fail_usage(fmt::format("{} \"{}\": unknown unit \"{}\"", words.noun, text, unit), hint);
  const std::string_view meant = meant_unit(unit, words);
  return fail_usage(fmt::format("{} \"{}\": unknown unit \"{}\"", words.noun, text, unit),
                    meant.empty() ? fmt::format("units are {}", words.legal)
                                  : fmt::format("units are {}; did you mean \"{}{}\"?", words.legal, number, meant));
}

// number * factor in exact decimal arithmetic; fails when it is not whole or does not fit.
Result<uint64_t> scale(std::string_view text, std::string_view number, const Unit& unit, const Vocabulary& words) {
  const auto too_large = [&] { return fail_usage(fmt::format("{} \"{}\" is too large", words.noun, text)); };
  unsigned __int128 digits = 0, divisor = 1;
  bool fraction = false;
  for (char c : number) {
    if (c == '.') {
      fraction = true;
      continue;
    }
    if (digits > kMax || divisor > kMax) return too_large();
    digits = digits * 10 + static_cast<unsigned>(c - '0');
    if (fraction) divisor *= 10;
  }
  if (digits > kMax) return too_large();
  const unsigned __int128 scaled = digits * unit.factor;
  if (scaled % divisor != 0)
    return fail_usage(fmt::format("{} \"{}\" is not a whole number of {}", words.noun, text, words.units[0].name),
                      fmt::format("for example \"{}\"", words.example));
  if (scaled / divisor > kMax) return too_large();
  return static_cast<uint64_t>(scaled / divisor);
}

Result<uint64_t> parse(std::string_view text, const Vocabulary& words) {
  size_t end = 0;
  unsigned dots = 0;
  while (end < text.size() && (std::isdigit(static_cast<unsigned char>(text[end])) || text[end] == '.'))
    dots += text[end++] == '.';
  const std::string_view number = text.substr(0, end), unit = text.substr(end);
  if (text.size() > 1 && text[0] == '-' && std::isdigit(static_cast<unsigned char>(text[1])))
    return fail_usage(fmt::format("{} \"{}\" is negative", words.noun, text),
                      fmt::format("for example \"{}\"", words.example));
  if (dots > 1 || (!number.empty() && number.front() == '.' && number.size() > 1))
    return fail_usage(fmt::format("{} \"{}\" is not a number and a unit", words.noun, text),
                      dots > 1 ? "a number has one point" : fmt::format("write \"0{}\"", text));
  if (number.empty() || dots > 1 || number.front() == '.' || number.back() == '.')
    return fail_usage(fmt::format("{} \"{}\" does not begin with a number", words.noun, text),
                      fmt::format("write a number and a unit, for example \"{}\"", words.example));
  for (const Unit& candidate : words.units)
    if (candidate.name == unit) return scale(text, number, candidate, words);
  return unit_error(text, number, unit, words);
}

std::string print(uint64_t value, const Vocabulary& words) {
  const Unit* unit = &words.units[0];
  for (const Unit& candidate : words.units) {
    // A larger unit must divide the value in at most three decimals, or exactness is lost.
    if (value >= candidate.factor && (value % candidate.factor) * 1000 % candidate.factor == 0) unit = &candidate;
  }
  const uint64_t whole = value / unit->factor, rest = value % unit->factor;
  if (rest == 0) return fmt::format("{}{}", whole, unit->name);
  std::string decimals = fmt::format("{:03}", rest * 1000 / unit->factor);
  while (decimals.back() == '0') decimals.pop_back();
  return fmt::format("{}.{}{}", whole, decimals, unit->name);
}

}  // namespace

Result<uint64_t> parse_size(std::string_view text) { return parse(text, kSizeWords); }

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  auto count = parse(text, kDurationWords);
  if (!count) return tl::unexpected<Error>(count.error());
  return std::chrono::nanoseconds(static_cast<int64_t>(*count));
}

std::string print_size(uint64_t bytes) { return print(bytes, kSizeWords); }
std::string human_size(uint64_t bytes) {
  constexpr uint64_t kKiB = 1 << 10, kMiB = 1 << 20, kGiB = 1 << 30;
  const auto in = [bytes](uint64_t unit) { return static_cast<double>(bytes) / static_cast<double>(unit); };
  if (bytes < kKiB) return fmt::format("{} byte{}", bytes, bytes == 1 ? "" : "s");
  if (bytes < kMiB) return fmt::format("{:.1f} KiB", in(kKiB));
  if (bytes < kGiB) return fmt::format("{:.1f} MiB", in(kMiB));
  return fmt::format("{:.1f} GiB", in(kGiB));
}

std::string print_duration(std::chrono::nanoseconds value) {
  return print(static_cast<uint64_t>(value.count()), kDurationWords);
}

}  // namespace tracectl
