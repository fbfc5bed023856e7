// SPDX-License-Identifier: MIT
#include "decode/data_symbols.hpp"

#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>

using namespace tracectl::decode;

namespace watched {
volatile long variable_of_this_test = 3;
thread_local volatile long thread_local_of_this_test = 4;
}  // namespace watched
static volatile int static_of_this_test = 5;

namespace {

// Load addresses are whole pages, so that the place within a page is the file's.
uint64_t in_page(const volatile void* p) { return reinterpret_cast<uintptr_t>(p) % 4096; }

}  // namespace

TEST_CASE("a variable is found by its name as people write it, and as the linker has it") {
  for (const char* name : {"watched::variable_of_this_test", "_ZN7watched21variable_of_this_testE"}) {
    const auto data = data_symbols("/proc/self/exe", name);
    REQUIRE(data.found.size() == 1);
    CHECK(data.found[0] % 4096 == in_page(&watched::variable_of_this_test));
    CHECK(data.code_offset % 4096 == 0);
    CHECK(data.code_address % 4096 == 0);
  }
}

TEST_CASE("a static variable is found, one of each thread's own and a function are not") {
  static_of_this_test = 6;
  const auto data = data_symbols("/proc/self/exe", "static_of_this_test");
  REQUIRE(data.found.size() == 1);
  CHECK(data.found[0] % 4096 == in_page(&static_of_this_test));
  watched::thread_local_of_this_test = 7;
  CHECK(data_symbols("/proc/self/exe", "watched::thread_local_of_this_test").found.empty());
  CHECK(data_symbols("/proc/self/exe", "main").found.empty());
  CHECK(data_symbols("/proc/self/exe", "no_such_variable").found.empty());
}

TEST_CASE("a file that is no ELF file, or only the beginning of one, has no variables") {
  const std::string path = "data_symbols_cut.tmp";
  CHECK(data_symbols("/proc/self/maps", "x").found.empty());
  CHECK(data_symbols("/no/such/file", "x").found.empty());
  std::ifstream whole("/proc/self/exe", std::ios::binary);
  std::string bytes(200000, '\0');
  whole.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  for (const size_t size : {1u, 16u, 63u, 64u, 100u, 1000u, 200000u}) {
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(size));
    CHECK(data_symbols(path, "static_of_this_test").found.empty());
  }
  std::remove(path.c_str());
}
