// SPDX-License-Identifier: MIT
// A profile as the text that `create_llvm_prof --profiler text` reads.
//
// Shape:  three sections, each a count and so many lines, ascending: ranges FROM-TO:COUNT, addresses (always 0 lines: the
//         ranges say more), branches FROM->TO:COUNT; then the build-id and the path as comments, as simpleperf writes them.
// Units:  addresses are hex, relative to the first load segment.
// Errors: text that is no such profile, with its line.
// Source: github.com/google/autofdo, sample_reader.cc (TextSampleReader).
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"
#include "profile/profile.hpp"

namespace tracectl::profile {

[[nodiscard]] std::string to_autofdo_text(const Profile& profile);
// `name`: of the file, for errors. Addresses count as ranges of one instruction; what comments do not tell stays empty.
[[nodiscard]] Result<Profile> parse_autofdo_text(std::string_view text, const std::string& name);

}  // namespace tracectl::profile
