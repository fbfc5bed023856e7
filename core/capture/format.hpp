// SPDX-License-Identifier: MIT
// The bytes of a capture: a perf.data directory.
//
//   tracectl.data/
//     data            perf.data, below
//     plan.toml       the plan, verbatim
//     capture.json    resolved plan, host facts, loss totals (written at the start, and before finish())
//     images/         traced binaries by build-id, code that has no file
//
//   data:
//     0     FileHeader, 104 bytes ........ patched: data.size at every round(), features at finish()
//     104   ids of every event, u64 each; room for more, where threads come later
//           FileAttr of every event ...... perf_event_attr (128 bytes) + section of its ids
//           records ...................... AUXTRACE_INFO first; then kernel records verbatim,
//                                          AUXTRACE + payload, FINISHED_ROUND, in the order of draining
//           feature table ................ FileSection for every set bit, ascending (finish() only)
//           feature sections ............. HOSTNAME ... AUXTRACE index
//           ids of events that outgrew their room in front
//
// Invariants
// - Everything is 8-byte aligned; every record's size is a multiple of 8; payloads are padded with 0.
// - Records are appended whole. A failed append is cut off again.
// - header.data.size never says more than what was written whole.
// - No feature bit is set before every feature section is written: a file without feature bits
//   was not finished, and its records go on to the end of the file.
// - FINISHED_ROUND: no later record is older than the newest record before the previous one.
// - Payloads of one idx are in stream order. A payload ends at a packet's end, so that its
//   padding (PT: PAD packets) changes nothing.
// - A large payload's place in its page is that of its place among its stream's payloads, where both are
//   multiples of 8 bytes; the record in front of it is as much longer. Readers map such payloads one behind
//   the other and need not copy (decode/stream_bytes.hpp). The emulated machine's are all so.
//
// Source: tools/perf/Documentation/perf.data-file-format.txt; tools/perf/util/header.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tracectl::capture {

inline constexpr char kMagic[8] = {'P', 'E', 'R', 'F', 'I', 'L', 'E', '2'};
inline constexpr char kMagicSwapped[8] = {'2', 'E', 'L', 'I', 'F', 'R', 'E', 'P'};  // other byte order
inline constexpr const char* kDataName = "data";
inline constexpr const char* kPlanName = "plan.toml";
inline constexpr const char* kImagesName = "images";
inline constexpr const char* kJsonName = "capture.json";

struct FileSection {
  uint64_t offset = 0, size = 0;  // bytes
};
struct FileHeader {
  char magic[8];
  uint64_t size;       // of this header
  uint64_t attr_size;  // of one FileAttr, whatever its recorder's perf_event_attr was
  FileSection attrs;
  FileSection data;
  FileSection event_types;  // unused since Linux 3.10
  uint64_t features[4];     // bit n: feature section n is there
};
static_assert(sizeof(FileHeader) == 104);
inline constexpr uint64_t kTracePage = 4096;  // bytes
inline constexpr uint64_t kDataSizeOffset = offsetof(FileHeader, data) + sizeof(uint64_t);
// A pipe's header is magic and size only.
inline constexpr uint64_t kPipeHeaderSize = 16;

enum Feature : unsigned {
  kTracingData = 1,
  kBuildId = 2,
  kHostname = 3,
  kOsRelease = 4,
  kVersion = 5,
  kArch = 6,
  kNrCpus = 7,
  kCpuDesc = 8,
  kCpuId = 9,
  kTotalMem = 10,
  kCmdline = 11,
  kEventDesc = 12,
  kPmuMappings = 16,
  kAuxtraceIndex = 18,
  kSampleTime = 21,
  kDirFormat = 24,
};
inline constexpr unsigned kFeatureBits = 256;

// Strings of feature sections: u32 length (padding and NUL included), then the bytes.
inline constexpr size_t kStringAlign = 64;

}  // namespace tracectl::capture
