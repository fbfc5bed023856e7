// SPDX-License-Identifier: MIT
// The profile of one binary from captures: of several, or of a part of them.
#pragma once

#include <string>
#include <vector>

#include "cli/capture_options.hpp"
#include "core/result.hpp"
#include "decode/shard.hpp"
#include "profile/profile.hpp"

namespace tracectl::cli {

struct ProfileWanted {
  CaptureOptions capture;  // but for its path
  std::vector<std::string> captures;
  std::string binary;
  decode::Shard shard;
};

struct TracedProfile {
  profile::Profile profile;  // empty only of a shard
  bool lossy = false;        // something was lost
};
// Says on stderr how much it is, and which captures add nothing, and why. One capture at a time is open.
// Errors: no such file, a capture that does not decode, a profile that would be empty, and why.
Result<TracedProfile> profile_of(const ProfileWanted& wanted);

}  // namespace tracectl::cli
