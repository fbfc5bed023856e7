// SPDX-License-Identifier: MIT
// What LeakSanitizer, where it is linked in, is not to tell of: leaks of libraries that no caller can avoid.

// OpenCSD 1.3.3 never frees what ocsd_dt_set_gen_elem_outfn() makes: 32 bytes for each decode tree, whoever destroys it.
extern "C" const char* __lsan_default_suppressions();  // NOLINT: the sanitizer's name
extern "C" const char* __lsan_default_suppressions() { return "leak:ocsd_dt_set_gen_elem_outfn\n"; }
