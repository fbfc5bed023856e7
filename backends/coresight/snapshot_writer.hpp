// SPDX-License-Identifier: MIT
// Writes trace and the code that it ran through as an OpenCSD snapshot directory, which OpenCSD's own tools read
// (`trc_pkt_lister -ss_dir DIR -decode -src_name BUFFER`).
//
// Shape:  snapshot.ini names the devices and trace.ini; trace.ini the buffers and which source wrote into which, and
//         which core each source follows; a core's ini has the code that it saw (dumps), a source's its registers.
//         A core has one memory: of mappings that lie over each other the last one is kept, and the rest is counted.
// Errors: the directory must be new; a file that cannot be written is an error with its name.
// Source: OpenCSD, decoder/docs/specs, "ARM Trace and Debug Snapshot file format".
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "backends/coresight/metadata.hpp"
#include "decode/image.hpp"

namespace tracectl::coresight {

// A unit that wrote into a buffer, and the program that its core ran.
struct SnapshotCore {
  TraceUnit unit;
  const decode::ImageTimeline* images = nullptr;
};

// What one AUX buffer held.
struct SnapshotBuffer {
  std::string name;                               // "thread_42", "cpu_0"
  bool framed = false;                            // 16-byte frames with trace ids; else one unit's bytes as they are
  std::vector<SnapshotCore> cores;                // that wrote into it; exactly one when it is not framed
  std::vector<std::span<const std::byte>> trace;  // in stream order
};

struct SnapshotFacts {
  uint64_t buffers = 0, dumps = 0;
  uint64_t covered = 0;     // mappings left out because later ones lie over them
  uint64_t unreadable = 0;  // mappings whose bytes are nowhere
};

class SnapshotWriter {
 public:
  // Makes the directory.
  static Result<SnapshotWriter> create(const std::string& directory);
  Result<> add(const SnapshotBuffer& buffer);
  // The ini files; nothing reads the directory before.
  Result<SnapshotFacts> finish();

 private:
  explicit SnapshotWriter(std::string directory) : directory_(std::move(directory)) {}
  Result<> add_core(const SnapshotBuffer& buffer, const TraceUnit& unit, const std::string& dumps);
  Result<std::string> dumps_of(const decode::ImageTimeline& images, int core);
  Result<> write(const std::string& name, std::span<const std::span<const std::byte>> parts) const;
  Result<> write_text(const std::string& name, const std::string& text) const;

  std::string directory_;
  std::vector<std::string> inis_;                         // of the devices, in order
  std::string buffer_names_, buffers_, sources_, cores_;  // trace.ini's parts
  std::map<const decode::ImageTimeline*, std::string> dumps_;
  int sources_made_ = 0;
  SnapshotFacts facts_;
};

}  // namespace tracectl::coresight
