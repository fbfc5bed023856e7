// SPDX-License-Identifier: MIT
// What the plugin is told.
#include "machines/emulated/wire.hpp"

#include <catch2/catch.hpp>

using namespace tracectl;
using namespace tracectl::emulated;

namespace {
bool safe(const char* version, int major, int minor) {
  QemuFacts q;
  q.version = version;
  q.major = major;
  q.minor = minor;
  return can_translate_again(q);
}
}  // namespace

TEST_CASE("translated code is thrown away only by a QEMU that does not lock up over it") {
  CHECK(safe("7.2.18", 7, 2));
  CHECK(safe("7.2.22", 7, 2));
  CHECK_FALSE(safe("7.2.17", 7, 2));
  CHECK_FALSE(safe("7.2.0", 7, 2));
  CHECK_FALSE(safe("7.2", 7, 2));
  CHECK_FALSE(safe("8.2.4", 8, 2));
  CHECK_FALSE(safe("9.1.18", 9, 1));
  CHECK(safe("10.0.13", 10, 0));
  CHECK(safe("11.0.0", 11, 0));
  CHECK_FALSE(safe("", 0, 0));
}
