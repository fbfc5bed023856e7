// SPDX-License-Identifier: MIT
// A snapshot directory as a capture: its buffers, metadata and dumps laid out in memory as a perf.data would have them,
// so that everything that reads a capture reads it.
//
// Shape:  each trace source is a cpu, numbered as the metadata lists the sources; its pid and tid are that number, its
//         name the core's. A buffer with one source (format source_data) is a stream of that cpu; another one is a
//         stream of frames, which holds several cpus' trace.
// Errors: what read_snapshot() refuses; a source that lacks a register which decoding needs; a format that is not known.
//         Sources of other kinds (STM, ITM) are left out.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "backends/coresight/metadata.hpp"
#include "core/capture/reader.hpp"
#include "core/capture/snapshot.hpp"
#include "core/result.hpp"

namespace tracectl::coresight {

// A source with what its trace is decoded by.
struct SnapshotSource {
  TraceUnit unit;
  std::string core, buffer;
  std::vector<capture::SnapshotDump> dumps;
};
[[nodiscard]] Result<std::vector<SnapshotSource>> sources_of(const capture::Snapshot& snapshot);

[[nodiscard]] Result<capture::Reader> open_snapshot(const std::string& directory);

// Frames out of a stream with synchronization words between them (format dstream_coresight): whole frames only, from
// the first such word on; empty where there is none. Source: ARM IHI 0029, "Frame synchronization packet".
[[nodiscard]] std::vector<std::byte> frames_between_syncs(std::span<const std::byte> stream);

}  // namespace tracectl::coresight
