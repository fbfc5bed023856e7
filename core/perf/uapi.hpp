// SPDX-License-Identifier: MIT
// The perf ABI: the only file that includes <linux/perf_event.h>, and what an installed
// header may be too old to name.
//
// Header-only, C library only: the emulated machine's plugin includes it too.
// Source: include/uapi/linux/perf_event.h of the kernel for everything below 64;
// tools/lib/perf/include/perf/event.h (enum perf_user_event_type) for 64 and up.
#pragma once

#include <linux/perf_event.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tracectl::perf {

// attr.aux_action, Linux 6.13: the u32 behind aux_sample_size. Older headers call it
// __reserved_3, so it is reached by its offset. Source: kernel commit 18d92bb57c39.
inline constexpr size_t kAuxActionOffset = 116;
inline constexpr uint32_t kAuxStartPaused = 1u << 0;
inline constexpr uint32_t kAuxPause = 1u << 1;
inline constexpr uint32_t kAuxResume = 1u << 2;

// What we store and what perf 6.1 reads: PERF_ATTR_SIZE_VER7.
inline constexpr size_t kAttrSize = 128;
static_assert(sizeof(perf_event_attr) >= kAttrSize, "linux/perf_event.h is older than 5.13");
static_assert(offsetof(perf_event_attr, aux_sample_size) + sizeof(uint32_t) == kAuxActionOffset,
              "aux_action must follow aux_sample_size");

inline void set_aux_action(perf_event_attr& attr, uint32_t bits) {
  std::memcpy(reinterpret_cast<char*>(&attr) + kAuxActionOffset, &bits, sizeof bits);
}
[[nodiscard]] inline uint32_t aux_action(const perf_event_attr& attr) {
  uint32_t bits;
  std::memcpy(&bits, reinterpret_cast<const char*>(&attr) + kAuxActionOffset, sizeof bits);
  return bits;
}

// Record types that only files have.
enum UserRecord : uint32_t {
  kHeaderAttr = 64,
  kHeaderEventType = 65,
  kHeaderTracingData = 66,
  kHeaderBuildId = 67,
  kFinishedRound = 68,
  kIdIndex = 69,
  kAuxtraceInfo = 70,
  kAuxtrace = 71,
  kAuxtraceError = 72,
  kThreadMap = 73,
  kCpuMap = 74,
  kStatConfig = 75,
  kStat = 76,
  kStatRound = 77,
  kEventUpdate = 78,
  kTimeConv = 79,
  kHeaderFeature = 80,
  kCompressed = 81,
  kFinishedInit = 82,
};
inline constexpr uint32_t kFirstUserRecord = 64;
inline constexpr uint32_t kAuxOutputHwId = 21;     // Linux 5.16
inline constexpr uint32_t kLastKernelRecord = 21;  // AUX_OUTPUT_HW_ID

// AUXTRACE_INFO types. Source: tools/perf/util/auxtrace.h, enum auxtrace_type.
inline constexpr uint32_t kAuxtraceIntelPt = 1;
inline constexpr uint32_t kAuxtraceCsEtm = 3;

// PERF_RECORD_AUX flags; headers before 4.15 and 5.13 lack the last two.
inline constexpr uint64_t kAuxFlagTruncated = 0x01;
inline constexpr uint64_t kAuxFlagOverwrite = 0x02;
inline constexpr uint64_t kAuxFlagPartial = 0x04;
inline constexpr uint64_t kAuxFlagCollision = 0x08;
inline constexpr uint64_t kAuxFlagFormatMask = 0xff00;
inline constexpr uint64_t kAuxFormatCoresightRaw = 0x0100;  // PERF_AUX_FLAG_CORESIGHT_FORMAT_RAW, Linux 5.13

// MMAP2 carries a build-id in place of device and inode, Linux 5.12.
inline constexpr uint16_t kMiscMmapBuildId = 1 << 14;
// COMM because of an exec, Linux 3.16.
inline constexpr uint16_t kMiscCommExec = 1 << 13;

// PERF_RECORD_AUXTRACE without its payload. Source: tools/lib/perf/include/perf/event.h.
struct AuxtraceRecord {
  perf_event_header header;
  uint64_t size;    // payload bytes, a multiple of 8
  uint64_t offset;  // position in the stream
  uint64_t reference;
  uint32_t idx;
  uint32_t tid;  // -1: of a cpu
  uint32_t cpu;  // -1: of a thread
  uint32_t reserved;
};
static_assert(sizeof(AuxtraceRecord) == 48);

// PERF_RECORD_TIME_CONV: from a counter of the processor to the perf clock, as perf_event_mmap_page tells it.
// Source: tools/lib/perf/include/perf/event.h, struct perf_record_time_conv.
struct TimeConvRecord {
  perf_event_header header;
  uint64_t shift, mult, zero;
  uint64_t cycles, mask;
  uint8_t cap_user_time_zero, cap_user_time_short;
  uint8_t reserved[6];
};
static_assert(sizeof(TimeConvRecord) == 56);

}  // namespace tracectl::perf
