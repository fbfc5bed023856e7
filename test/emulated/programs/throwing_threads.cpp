// SPDX-License-Identifier: MIT
// Three threads, each with exceptions of its own: thrown through frames that clean up, caught, thrown on.
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Counted {
  explicit Counted(long& n) : n_(n) {}
  ~Counted() { ++n_; }
  long& n_;
};

[[gnu::noinline]] long deep(long n, long& cleaned) {
  const Counted here(cleaned);
  if (n == 0) throw std::runtime_error("bottom");
  return deep(n - 1, cleaned) + 1;
}

[[gnu::noinline]] long caught_twice(long n, long& cleaned) {
  try {
    try {
      return deep(n, cleaned);
    } catch (const std::exception& e) {
      if (n % 2 == 0) throw;
      return static_cast<long>(std::string(e.what()).size());
    }
  } catch (const std::runtime_error&) {
    return n;
  }
}

}  // namespace

int main() {
  std::vector<long> sums(3);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < sums.size(); ++t)
    threads.emplace_back([&sum = sums[t], t] {
      for (long i = 0; i < 10; ++i) sum += caught_twice(static_cast<long>(t) + i % 5, sum);
    });
  for (auto& thread : threads) thread.join();
  for (const long sum : sums) std::printf("%ld\n", sum);
  return 0;
}
