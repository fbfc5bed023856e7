// SPDX-License-Identifier: MIT
// Programs are compiled by the test itself, so that names and lines are known.
#include "decode/symbols.hpp"

#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "decode/build_id.hpp"

using namespace tracectl;
using namespace tracectl::decode;

namespace {

constexpr const char* kSource =
    "namespace geo { int area(int a) { return a * 3; } }\n"  // 1
    "static inline __attribute__((always_inline)) int twice(int x) {\n"
    "  return x + x;\n"  // 3
    "}\n"
    "extern \"C\" int one(int v) { return twice(v); }\n"
    "extern \"C\" int two(int v) { return twice(v) + geo::area(v); }\n"
    "int main(int c, char**) {\n"
    "  return one(c) + two(c);\n"  // 8
    "}\n";

// The path of the compiled program; compiled once per option text.
std::string program(const std::string& options) {
  static int count = 0;
  const auto dir = std::filesystem::temp_directory_path() / ("tracectl-symbols-" + std::to_string(::getpid()));
  std::filesystem::create_directories(dir / "src");
  const std::string source = (dir / "src" / "shape.cpp").string();
  std::ofstream(source) << kSource;
  const std::string out = (dir / ("app" + std::to_string(count++))).string();
  const std::string command = "g++ -g -O0 " + options + " -o " + out + " " + source;
  REQUIRE(std::system(command.c_str()) == 0);
  return out;
}

CodeLocation symbol(const std::string& name, uint64_t offset = 0) {
  CodeLocation where;
  where.symbol = name;
  where.offset = offset;
  return where;
}

CodeLocation line(const std::string& file, unsigned number) {
  CodeLocation where;
  where.form = CodeLocation::Form::file_line;
  where.file = file;
  where.line = number;
  return where;
}

}  // namespace

TEST_CASE("a symbol resolves to the same function that holds its offset") {
  for (const char* options : {"-pie", "-no-pie", "-gdwarf-4"}) {
    const auto symbols = Symbols::open(program(options));
    REQUIRE(symbols);
    const auto sites = symbols->resolve(symbol("one"));
    REQUIRE(sites.size() == 1);
    REQUIRE(symbols->at(sites[0]) != nullptr);
    CHECK(symbols->at(sites[0])->name == "one");
    CHECK(symbols->at(sites[0])->file_offset == sites[0]);
    CHECK(symbols->resolve(symbol("one", 4)) == std::vector<uint64_t>{sites[0] + 4});
  }
}

TEST_CASE("a C++ function is found with and without its arguments") {
  const auto symbols = Symbols::open(program(""));
  REQUIRE(symbols);
  const auto bare = symbols->resolve(symbol("geo::area"));
  REQUIRE(bare.size() == 1);
  CHECK(bare == symbols->resolve(symbol("geo::area(int)")));
  CHECK(bare == symbols->resolve(symbol("_ZN3geo4areaEi")));
  CHECK(symbols->resolve(symbol("geo::are")).empty());
}

TEST_CASE("a line resolves to one address in every function that holds it") {
  const auto symbols = Symbols::open(program(""));
  REQUIRE(symbols);
  CHECK(symbols->resolve(line("shape.cpp", 8)).size() == 1);
  const auto inlined = symbols->resolve(line("src/shape.cpp", 3));
  REQUIRE(inlined.size() == 2);
  CHECK(symbols->at(inlined[0])->name == "one");
  CHECK(symbols->at(inlined[1])->name == "two");
  CHECK(symbols->resolve(line("hape.cpp", 8)).empty());
  CHECK(symbols->resolve(line("shape.cpp", 400)).empty());
}

TEST_CASE("the source line of an address is the line it was compiled from") {
  const auto symbols = Symbols::open(program(""));
  REQUIRE(symbols);
  const auto site = symbols->resolve(line("shape.cpp", 8)).at(0);
  const auto found = symbols->line_at(site);
  REQUIRE(found);
  CHECK(found->line == 8);
  CHECK(found->file.ends_with("src/shape.cpp"));
  CHECK_FALSE(symbols->line_at(0));
}

TEST_CASE("a stripped program with its debug file beside it still has names and lines") {
  const std::string app = program("");
  const std::string command = "objcopy --only-keep-debug " + app + " " + app + ".dbg && strip " + app +
                              " && objcopy --add-gnu-debuglink=" + app + ".dbg " + app;
  REQUIRE(std::system(command.c_str()) == 0);
  const auto symbols = Symbols::open(app);
  REQUIRE(symbols);
  REQUIRE(symbols->resolve(symbol("two")).size() == 1);
  CHECK(symbols->resolve(line("shape.cpp", 8)).size() == 1);
}

TEST_CASE("functions of a stripped program are told apart by their addresses") {
  const std::string app = program("");
  const uint64_t one = Symbols::open(app)->resolve(symbol("one")).at(0);
  const uint64_t two = Symbols::open(app)->resolve(symbol("two")).at(0);
  REQUIRE(std::system(("strip " + app).c_str()) == 0);
  const auto symbols = Symbols::open(app);
  REQUIRE(symbols);
  REQUIRE(symbols->at(one) != nullptr);
  REQUIRE(symbols->at(two) != nullptr);
  CHECK(symbols->at(one)->file_offset == one);
  CHECK(symbols->at(two + 3)->file_offset == two);
  CHECK(symbols->at(one)->name.starts_with("sub_"));
  CHECK(symbols->all().size() == Symbols::open(app)->all().size());
}

TEST_CASE("a file that is no ELF is an error, and names the file") {
  CHECK_FALSE(Symbols::open("/proc/self/cmdline"));
  const auto missing = Symbols::open("/nowhere/x");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().what.find("/nowhere/x") != std::string::npos);
}

TEST_CASE("a program's build-id is read from its notes") {
  const std::string app = program("-Wl,--build-id=0x0102030405060708");
  CHECK(build_id_of(app) == "0102030405060708");
  CHECK(Symbols::open(app)->build_id() == "0102030405060708");
  CHECK(build_id_of("/proc/self/cmdline").empty());
}

TEST_CASE("an object names a file by path, file name, path tail or soname") {
  CHECK(object_matches("", "/usr/lib/libc.so.6", ""));
  CHECK(object_matches("/usr/lib/libc.so.6", "/usr/lib/libc.so.6", ""));
  CHECK(object_matches("libc.so.6", "/usr/lib/libc.so.6", ""));
  CHECK(object_matches("libc.so.6", "/usr/lib/libc-2.36.so", "libc.so.6"));
  CHECK(object_matches("lib/libc.so.6", "/usr/lib/libc.so.6", ""));
  CHECK_FALSE(object_matches("c.so.6", "/usr/lib/libc.so.6", ""));
  CHECK_FALSE(object_matches("app", "/usr/bin/myapp", ""));
}
