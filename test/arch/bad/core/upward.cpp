// SPDX-License-Identifier: MIT
// expect: arrow
#include "triggers/filter.hpp"
