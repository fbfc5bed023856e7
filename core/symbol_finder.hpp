// SPDX-License-Identifier: MIT
// ModuleFinder: what a machine asks when the traced program maps a file with code: which
// triggers sit in it. cli/ answers with decode/symbols; machines/ stay free of ELF and DWARF.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tracectl {

struct TriggerSite {
  uint32_t trigger = 0;      // index into ResolvedPlan::triggers
  uint64_t file_offset = 0;  // of the instruction
  // A watchpoint: file_offset is where the data would lie in the file if code_offset's mapping
  // went on for ever in both directions (data may have no bytes in the file).
  bool data = false;
};

struct ModuleAnswer {
  std::string build_id;  // raw bytes, at most 20; empty when none
  std::vector<TriggerSite> sites;
  uint64_t code_offset = 0;  // file offset of the page where the first code segment begins
};

// Path as the traced program mapped it. Never fails: an unreadable file has no sites.
using ModuleFinder = std::function<ModuleAnswer(const std::string& path)>;

}  // namespace tracectl
