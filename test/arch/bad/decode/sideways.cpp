// SPDX-License-Identifier: MIT
// expect: arrow
#include "views/report.hpp"
