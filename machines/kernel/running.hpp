// SPDX-License-Identifier: MIT
// What runs already when a session begins: the kernel tells of new mappings and names only, so
// those that are there are read from /proc and written as the records that they would have been.
//
// Shape: COMM for each thread, MMAP2 for each mapping with code, time 0: they were there before.
// Order: after the sideband event is open, so that nothing falls in between; what is told twice is the same.
// Errors: a process that ends meanwhile is left out.
// Source: proc(5); perf_event_open(2), PERF_RECORD_MMAP2.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/capture/writer.hpp"
#include "core/symbol_finder.hpp"

namespace tracectl::kernel {

[[nodiscard]] std::vector<int32_t> processes();
[[nodiscard]] std::vector<int32_t> threads_of(int32_t pid);
[[nodiscard]] int32_t process_of(int32_t tid);  // itself when it is gone
[[nodiscard]] int32_t parent_of(int32_t pid);   // 0 when it is gone
[[nodiscard]] int32_t tracer_of(int32_t tid);   // a thread; 0: nobody
// In words, when the process runs a set-user-ID or set-group-ID program without that right, as under any tracer that is
// not root; else empty.
[[nodiscard]] std::string right_not_given(int32_t pid);

// `modules`: tells build-ids; nullptr: none are written (of all processes it would take long). `time`: since when, perf's
// clock; 0: since ever.
Result<> write_running(capture::Writer& writer, uint64_t sideband_id, const std::vector<int32_t>& pids,
                       const ModuleFinder* modules, uint64_t time = 0);

}  // namespace tracectl::kernel
