// SPDX-License-Identifier: MIT
// C++ exceptions: caught near and far, rethrown, and through destructors.
#include <stdexcept>
#include <string>

namespace {
volatile long sink;

struct Guard {
  ~Guard() { sink = sink + 1; }
};

[[gnu::noinline]] long descend(int depth) {
  const Guard guard;
  if (depth == 0) throw std::runtime_error("bottom");
  return descend(depth - 1) + 1;
}

[[gnu::noinline]] void again(int depth) {
  try {
    descend(depth);
  } catch (const std::exception& e) {
    sink = sink + static_cast<long>(std::string(e.what()).size());
    throw;
  }
}
}  // namespace

int main() {
  for (int i = 0; i < 8; ++i) {
    try {
      again(i);
    } catch (const std::runtime_error&) {
      sink = sink + 1;
    }
  }
  return 0;
}
