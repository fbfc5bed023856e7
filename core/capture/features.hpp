// SPDX-License-Identifier: MIT
// Feature sections: the facts behind the records of a perf.data file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/capture/writer.hpp"

namespace tracectl::capture {

// An AUXTRACE record.
struct IndexEntry {
  uint64_t offset = 0, size = 0;  // in the file; bytes of the record without its payload
};

// What the sections say besides the index. Empty text: the section is left out.
struct FeatureFacts {
  std::string hostname, os_release, arch, cpu_desc, cpuid;
  uint32_t cpus_configured = 0, cpus_online = 0;  // 0: left out
  std::vector<std::string> command_line;
  std::vector<EventSetup> events;
};

// Of this machine, now, and of what is to be recorded.
[[nodiscard]] FeatureFacts facts_of_this_machine(const WriterSetup& setup);
// Decoders take the traced program's architecture from a section; it may run emulated, and a
// capture may be repaired on another machine. `aux_type`: AuxInfo::type.
[[nodiscard]] std::string arch_of(uint32_t aux_type);

// The feature table and the sections behind it, as they follow the records at file offset
// `begin`; `bits` for the header. `index`: all AUXTRACE records.
// perf warns of none of these; AUXTRACE makes it seek instead of scan, EVENT_DESC names
// the events.
struct FeatureBlock {
  std::string bytes;
  std::array<uint64_t, 4> bits{};
};
[[nodiscard]] FeatureBlock feature_block(const FeatureFacts& facts, const std::vector<IndexEntry>& index, uint64_t begin);

}  // namespace tracectl::capture
