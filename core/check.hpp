// SPDX-License-Identifier: MIT
// TRACECTL_CHECK: an invariant of our own code, on in release. A failure is our bug:
// it prints message, file and line, and aborts. Never for input from outside.
#pragma once

#include <cstdio>
#include <cstdlib>

#define TRACECTL_CHECK(cond, msg)                                                                \
  do {                                                                                           \
    if (!(cond)) {                                                                               \
      std::fprintf(stderr, "tracectl: bug: %s (%s) at %s:%d\n", msg, #cond, __FILE__, __LINE__); \
      std::abort();                                                                              \
    }                                                                                            \
  } while (0)
