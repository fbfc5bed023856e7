// SPDX-License-Identifier: MIT
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

// OpenCSD 1.3.3 never frees what ocsd_dt_set_gen_elem_outfn() makes: 32 bytes for each decode tree, whoever destroys it.
// Read by LeakSanitizer where it is linked in.
extern "C" const char* __lsan_default_suppressions();  // NOLINT: the sanitizer's name
extern "C" const char* __lsan_default_suppressions() { return "leak:ocsd_dt_set_gen_elem_outfn\n"; }
