// SPDX-License-Identifier: MIT
// Feeds the files of folders to a fuzz target, once as they are and once cut in half: the
// corpus as a plain test, for builds without libFuzzer.
#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i], error)) {
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      const auto* data = reinterpret_cast<const uint8_t*>(text.data());
      LLVMFuzzerTestOneInput(data, text.size());
      LLVMFuzzerTestOneInput(data, text.size() / 2);
      ++count;
    }
    if (error) {
      fmt::print(stderr, "{}: {}\n", argv[i], error.message());
      return 1;
    }
  }
  fmt::print("{} inputs\n", count);
  return count == 0 ? 1 : 0;
}
