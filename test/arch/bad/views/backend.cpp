// SPDX-License-Identifier: MIT
// expect: arrow
#include "backends/intel_pt/decoder.hpp"
