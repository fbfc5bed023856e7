// SPDX-License-Identifier: MIT
// expect: header
#include <fmt/format.h>
