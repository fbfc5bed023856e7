// SPDX-License-Identifier: MIT
// What becomes of a text that is not TOML, before and between the attempts to read it.
#include "config/statements.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "config/parse.hpp"

using namespace tracectl;

namespace {

std::string fixed(const std::string& text, std::vector<BadBytes>* bad) {
  bad->clear();
  return to_utf8(text, bad);
}

Diagnostics diagnose(const std::string& text) {
  Diagnostics diagnostics;
  (void)parse_plan(std::make_shared<const SourceText>(SourceText{"plan.toml", text}), diagnostics);
  return diagnostics;
}

}  // namespace

TEST_CASE("text in UTF-8 stays as it is") {
  std::vector<BadBytes> bad;
  for (const char* text : {"", "plan = 1\n", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEF\xBF\xBF",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    CHECK(fixed(text, &bad) == text);
    CHECK(bad.empty());
  }
}

TEST_CASE("every byte that is not UTF-8 becomes one replacement character") {
  std::vector<BadBytes> bad;
  CHECK(fixed("a\xFF\xFE"
              "b",
              &bad) ==
        "a\xEF\xBF\xBD\xEF\xBF\xBD"
        "b");
  REQUIRE(bad.size() == 1);
  CHECK(bad[0].line == 1);
  CHECK(bad[0].column == 2);
  CHECK(bad[0].count == 2);
  // Overlong forms, surrogates, what lies past the last code point, what is cut short.
  for (const char* text : {"\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                           "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC3", "\xE2\x82", "\xF0\x90\x80", "\x80"}) {
    (void)fixed(text, &bad);
    REQUIRE(bad.size() == 1);
    CHECK(bad[0].count == std::string(text).size());
  }
}

TEST_CASE("places behind other characters count code points") {
  std::vector<BadBytes> bad;
  (void)fixed("x\n\xC3\xB6\xC3\xB6\xFF", &bad);
  REQUIRE(bad.size() == 1);
  CHECK(bad[0].line == 2);
  CHECK(bad[0].column == 3);
}

TEST_CASE("statements span the lines of their arrays and strings") {
  const auto cut = cut_statements("a = [1,\n 2,\n]\n# [\nb = '''\nx = 1\n'''\n[c]\nd = \"[\"\ne = 1\n");
  REQUIRE(cut.statements.size() == 5);
  CHECK(cut.statements[0].last == 3);
  CHECK(cut.statements[1].first == 5);
  CHECK(cut.statements[1].last == 7);
  CHECK(cut.statements[2].header);
  CHECK(cut.statements[3].last == 9);
  for (const Statement& s : cut.statements) CHECK_FALSE(s.open);
}

TEST_CASE("an array that does not end is open, and what follows is not part of it") {
  const auto cut = cut_statements("a = [1,\n 2\nb = 3\n[c]\n");
  REQUIRE(cut.statements.size() == 3);
  CHECK(cut.statements[0].open);
  CHECK(cut.statements[0].last == 2);
  CHECK_FALSE(cut.statements[1].open);
}

TEST_CASE("characters outside ASCII are strays only outside strings and comments") {
  CHECK(cut_statements("\xEF\xBB\xBFt = \"\xC3\xB6\" # \xC3\xB6\n'\xC3\xB6' = '''\xC3\xB6\n\xC3\xB6'''\n").strays.empty());
  const auto cut = cut_statements("t = \"\\\"\xC3\xB6\" \xC3\xB6\xC3\xA4\n");
  REQUIRE(cut.strays.size() == 1);
  CHECK(cut.strays[0].column == 11);
  CHECK(cut.strays[0].count == 2);
  CHECK(cut.strays[0].text == "\xC3\xB6\xC3\xA4");
}

TEST_CASE("a value that is not TOML is reported once and its key is not missing") {
  const auto all = diagnose("plan = one\n[[window]]\nfunction = app:f\n").all();
  REQUIRE(all.size() == 2);
  CHECK(all[0].at.line == 1);
  CHECK(all[0].hint == "strings stand in quotes: plan = \"one\"");
  CHECK(all[1].at.line == 3);
}

TEST_CASE("a text with more than twenty errors is given up") {
  std::string text = "plan = 1\n";
  for (int i = 0; i < 100; ++i) text += "k" + std::to_string(i) + " = ?\n";
  const size_t errors = diagnose(text).error_count();
  CHECK(errors >= 20);
  CHECK(errors <= 22);
}

TEST_CASE("any bytes end in a plan or in diagnostics") {
  std::mt19937 random(7);
  static const std::string kParts[] = {"plan = 1\n", "[buffer]\n", "size = ", "\"4MiB\"", "\n",   "[[window]]\n", "'''",
                                       "\"\"\"",     "[",          "]",       "{a = 1}",  "\xC3", "\xC3\xB6",     "\xFF",
                                       "\xE2\x80",   "=",          "#",       "\\u12",    "1e",   "0x",           "2000-01-",
                                       "inf",        "\r",         "\t",      ".",        ",",    "\xED\xA0\x80", "\x7F"};
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (unsigned n = random() % 12; n > 0; --n) text += kParts[random() % std::size(kParts)];
    INFO(text);
    Diagnostics diagnostics;
    const auto plan = parse_plan(std::make_shared<const SourceText>(SourceText{"p", text}), diagnostics);
    CHECK((plan.has_value() || diagnostics.has_errors()));
  }
}
