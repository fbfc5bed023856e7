// SPDX-License-Identifier: MIT
#include "core/loaded_files.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

using tracectl::loaded_files;

TEST_CASE("the loader tells the C library and itself, with their paths") {
  const auto files = loaded_files(std::filesystem::canonical("/proc/self/exe"));
  const auto has = [&](const std::string& start) {
    return std::any_of(files.begin(), files.end(), [&](const std::string& path) {
      return path[0] == '/' && std::filesystem::path(path).filename().string().rfind(start, 0) == 0;
    });
  };
  CHECK(has("libc.so"));
  CHECK(has("ld-linux"));
  CHECK(files.size() > 2);
}

TEST_CASE("what is no dynamic program loads nothing") {
  CHECK(loaded_files("/nonexistent/program").empty());
  CHECK(loaded_files("/etc/passwd").empty());
  CHECK(loaded_files("/").empty());
}
