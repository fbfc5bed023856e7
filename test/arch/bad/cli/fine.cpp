// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include "views/report.hpp"
