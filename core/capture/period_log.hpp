// SPDX-License-Identifier: MIT
// PeriodLog: CAPTURE/periods, what [collect] did: one line for each period that is over. Text, appended to, so that it is
// there after a crash.
//
// Shape: "BEGIN END QUIET BYTES"; a line that begins with # explains.
//        QUIET: when every thread had stopped tracing; 0 when one had not before the next period began (it slept).
//        BYTES: of trace in the capture then.
// Units: ns of the clock that records and time stamps have; bytes.
// Errors: what cannot be written or read; a last line that is cut is left out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/fd.hpp"
#include "core/result.hpp"

namespace tracectl::capture {

inline constexpr const char* kPeriodsName = "periods";

struct Period {
  uint64_t begin = 0, end = 0, quiet = 0, bytes = 0;
};

class PeriodLog {
 public:
  Result<> open(const std::string& directory);
  Result<> add(const Period& period);

 private:
  Fd file_;
};

// Of the capture in `directory`; none when it has no such file.
[[nodiscard]] std::vector<Period> read_periods(const std::string& directory);

}  // namespace tracectl::capture
