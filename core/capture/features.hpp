// SPDX-License-Identifier: MIT
// Feature sections: the facts behind the records of a perf.data file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/capture/writer.hpp"

namespace tracectl::capture {

// Section bytes by feature number. `index`: file offsets of the AUXTRACE records.
// perf warns of none of these; AUXTRACE makes it seek instead of scan, EVENT_DESC names
// the events.
[[nodiscard]] std::map<unsigned, std::string> feature_sections(const WriterSetup& setup, const std::vector<uint64_t>& index);

}  // namespace tracectl::capture
