// SPDX-License-Identifier: MIT
// usage: copy_kernel DIRECTORY   what a recorder does for kernel trace: the kernel's code into DIRECTORY/kcore_dir
#include <fmt/core.h>

#include "core/capture/kernel_image.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto image = tracectl::capture::copy_kernel_image(argv[1]);
  if (!image) {
    fmt::print(stderr, "{}\n", image.error().message());
    return 1;
  }
  fmt::print("{} bytes\n", image->bytes);
  for (const auto& m : image->mappings) fmt::print("{:x} {:x} {:x} {}\n", m.address, m.size, m.file_offset, m.name);
  return 0;
}
