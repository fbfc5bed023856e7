// SPDX-License-Identifier: MIT
// expect: door
#include <toml++/toml.h>
