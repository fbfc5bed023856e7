// SPDX-License-Identifier: MIT
// The checks of `tracectl doctor`: facts of a machine in, findings in words out. No side
// effect, so that a host tree tests them.
//
// Order: kernel, trace units, rights, emulator, readers; the order of printing.
#pragma once

#include <string>
#include <vector>

#include "core/host.hpp"

namespace tracectl::cli {

enum class Mark : uint8_t { ok, warn, no };

struct Finding {
  Mark mark = Mark::ok;
  std::string subject;  // one or two words: the column at the left
  std::string text;     // what is, and what follows from it
  std::string mend;     // a command, or what to change; empty when there is nothing to do
};

struct Diagnosis {
  std::vector<Finding> findings;
  bool kernel_machine = false;    // Linux perf on a real trace unit can be used
  bool emulated_machine = false;  // QEMU with our plugin can be used
  std::string run;                // what `tracectl run` does here, one sentence
  std::string next;               // the command to try next
};

[[nodiscard]] Diagnosis diagnose(const HostFacts& facts);
[[nodiscard]] const char* name_of(Mark mark);

}  // namespace tracectl::cli
