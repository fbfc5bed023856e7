// SPDX-License-Identifier: MIT
// The directory of a capture: made anew, an older capture moved aside.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"

namespace tracectl::capture {

// True when `path` is a directory whose file `data` begins as a perf.data does.
[[nodiscard]] bool is_capture(const std::string& path);

// Makes `path` an empty directory. A capture that is there moves to
// PATH.old; a capture that is there in turn is removed. Nothing that is not a capture is
// ever moved or removed, but for an empty file `data` alone in its directory: that is what a
// recorder leaves that was killed before its first byte.
Result<> make_directory(const std::string& path);

// Replaces directory/name as a whole, on the disk too: a reader sees the old text or the new
// one, whatever crashes. A failure leaves the old one alone.
Result<> write_side_file(const std::string& directory, const std::string& name, std::string_view text);

}  // namespace tracectl::capture
