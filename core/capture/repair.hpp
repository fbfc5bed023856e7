// SPDX-License-Identifier: MIT
// repair(): gives a capture whose recorder was killed, or whose file lacks its end, what other
// readers need: a data size that is true, the feature sections, the index. The records stay
// byte for byte what they were.
//
// Order: 1 capture.json says the loss; 2 the header says where the whole records end, and that
// nothing stands behind them; 3 what stands there is copied to a file of its own, and cut off;
// 4 the sections; 5 the header's feature bits. Each step reaches the disk before the next, and
// after each the capture reads as it did: a repair that is killed is repeated.
// Errors: no capture; one that is being recorded; one that ends before its first record.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.hpp"

namespace tracectl::capture {

struct Repair {
  bool changed = false;      // false: it was whole
  uint64_t records = 0;      // kept, AUXTRACE among them
  uint64_t trace_bytes = 0;  // kept
  uint64_t cut_bytes = 0;    // behind the last whole record
  std::string kept_in;       // file in the directory that has them; empty: there were none
};

Result<Repair> repair(const std::string& directory);

}  // namespace tracectl::capture
