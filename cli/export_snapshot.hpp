// SPDX-License-Identifier: MIT
// `export --to snapshot`: a capture of CoreSight as an OpenCSD snapshot directory.
#pragma once

#include <string>

#include "backends/coresight/snapshot_writer.hpp"
#include "cli/capture_options.hpp"

namespace tracectl::cli {

// The streams that the options select; `directory` must not exist.
Result<coresight::SnapshotFacts> export_snapshot(OpenCapture& capture, const CaptureOptions& options,
                                                 const std::string& directory);

}  // namespace tracectl::cli
