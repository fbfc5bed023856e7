// SPDX-License-Identifier: MIT
// A profile as LLVM's sample profile, the text that `clang -fprofile-sample-use=` and `llvm-profdata merge --sample` read.
//
// Shape:  functions by total, the largest first, then by name; each "NAME:TOTAL:HEAD", its lines "LINE[.DISCRIMINATOR]:
//         COUNT[ CALLEE:COUNT...]", then what was inlined, "LINE[.DISCRIMINATOR]: NAME:TOTAL" and one blank deeper.
//         These are the bytes that LLVM's own writer makes of the same profile.
// Errors: a binary without debug information, or whose debug information tells no source line of what was executed.
// Source: clang.llvm.org/docs/UsersManual.html, "Sample Profile Text Format"; LLVM, lib/ProfileData/SampleProfWriter.cpp.
#pragma once

#include <string>
#include <vector>

#include "core/result.hpp"
#include "profile/line_samples.hpp"
#include "profile/profile.hpp"

namespace tracectl::profile {

[[nodiscard]] std::string to_llvm_text(const SampledFunctions& samples);

struct LlvmProf {
  std::string text;
  std::vector<std::string> warnings;  // what makes it thin: a sentence each
};
// By the debug information of profile.path.
Result<LlvmProf> to_llvm_prof(const Profile& profile);

}  // namespace tracectl::profile
