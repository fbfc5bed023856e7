// SPDX-License-Identifier: MIT
// expect: header
#include <nlohmann/json.hpp>
