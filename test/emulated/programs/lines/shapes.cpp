// SPDX-License-Identifier: MIT
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "lines.h"

namespace shapes {

struct Shape {
  explicit Shape(unsigned size) : size_(mix(size) % 50 + 1) {}
  virtual ~Shape() = default;
  virtual unsigned area() const = 0;

 protected:
  unsigned size_;
};

struct Square final : Shape {
  using Shape::Shape;
  unsigned area() const override { return size_ * size_; }
};

struct Stairs final : Shape {
  explicit KEPT Stairs(unsigned size);
  unsigned area() const override {
    unsigned sum = 0;
    for (unsigned i = 0; i < steps_; ++i) sum += i % 4 == 0 ? size_ : i;
    return sum;
  }

 private:
  unsigned steps_;
};

Stairs::Stairs(unsigned size) : Shape(size), steps_(size % 13) {}

template <class T, int kFactor>
KEPT T scaled(const std::vector<T>& values) {
  T sum = 0;
  std::for_each(values.begin(), values.end(), [&](T v) { sum += v > 100 ? v * kFactor : v; });
  return sum;
}

}  // namespace shapes

unsigned of_shapes(unsigned count) {
  std::vector<std::unique_ptr<shapes::Shape>> all;
  for (unsigned i = 0; i < count; ++i) {
    if (i % 3 == 0)
      all.push_back(std::make_unique<shapes::Stairs>(i));
    else
      all.push_back(std::make_unique<shapes::Square>(i));
  }
  std::vector<unsigned> areas;
  for (const auto& s : all) areas.push_back(s->area());
  std::sort(areas.begin(), areas.end(), [](unsigned a, unsigned b) { return b < a; });
  std::string text;
  for (unsigned a : areas) text += std::to_string(a);
  std::vector<unsigned long> sizes(areas.begin(), areas.end());
  return shapes::scaled<unsigned, 3>(areas) + shapes::scaled<unsigned long, 2>(sizes) + text.size();
}
