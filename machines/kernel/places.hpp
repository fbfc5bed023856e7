// SPDX-License-Identifier: MIT
// Places: from the triggers of a plan to the addresses and offsets that the kernel takes, by what
// one process has mapped.
//
// Shape: breakpoints become virtual addresses of the process; uprobes a file and an offset in it;
//        all other triggers are one place each, which no process needs to be looked at for.
// Units: bytes.
// Source: proc(5), /proc/PID/maps; kernel/events/uprobes.c (a uprobe sits in an inode).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/resolved_plan.hpp"
#include "core/symbol_finder.hpp"
#include "machines/kernel/group.hpp"

namespace tracectl::kernel {

struct CodeMapping {
  uint64_t address = 0, size = 0, file_offset = 0;
  std::string path;
};

// The mappings with code in files, of the text of /proc/PID/maps.
[[nodiscard]] std::vector<CodeMapping> code_mappings(const std::string& maps);
// All with code: also what the kernel puts there ([vdso]) and what has no name (//anon).
[[nodiscard]] std::vector<CodeMapping> all_code_mappings(const std::string& maps);
// The same of a process; empty when it is gone.
[[nodiscard]] std::vector<CodeMapping> code_mappings_of(int32_t pid);
[[nodiscard]] std::vector<CodeMapping> all_code_mappings_of(int32_t pid);

// Is each trigger that sits in a file among those that are placed?
[[nodiscard]] bool every_site_placed(const ResolvedPlan& plan, const std::vector<Place>& placed);
// Adds those of `found` that `known` does not have; these alone.
std::vector<Place> add_fresh(std::vector<Place>& known, const std::vector<Place>& found);
// The triggers' places that need no process to be looked at.
[[nodiscard]] std::vector<Place> fixed_places(const ResolvedPlan& plan);
// Probes in a file, whoever maps it. Their objects name it by its path or file name.
[[nodiscard]] std::vector<Place> probes_in(const ResolvedPlan& plan, const std::string& path, const ModuleFinder& modules);
// Those in these mappings.
[[nodiscard]] std::vector<Place> places_in(const ResolvedPlan& plan, const std::vector<CodeMapping>& mappings,
                                           const ModuleFinder& modules);

}  // namespace tracectl::kernel
