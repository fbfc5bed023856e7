// SPDX-License-Identifier: MIT
// Builders of PERF_RECORD_*: what the emulated machine writes into its data ring, and tests.
// Header-only, allocation-free, without exceptions: only uapi.hpp and the C library, so
// that the plugin inside QEMU can include it.
//
// Shape: every builder writes one whole record at `out` and returns its size in bytes, a
// multiple of 8, or 0 when it does not fit into `cap` (or into the 16 bits of header.size).
// Layout: fixed for our captures: every event has sample_type kSampleType and sample_id_all,
// so records end with a SampleId, and samples begin with the id.
// Units: time in ns of the perf clock.
// Source: include/uapi/linux/perf_event.h, enum perf_event_type.
#pragma once

#include "core/perf/uapi.hpp"

namespace tracectl::perf {

inline constexpr uint64_t kSampleType =
    PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_IDENTIFIER;

// An event of ours: one hit, one record, and every record as it is laid out here.
inline perf_event_attr recorded_attr(uint32_t type, uint64_t config) {
  perf_event_attr attr{};
  attr.size = kAttrSize;
  attr.type = type;
  attr.config = config;
  attr.sample_period = 1;
  attr.sample_type = kSampleType;
  attr.read_format = PERF_FORMAT_ID;
  attr.exclude_hv = 1;
  attr.sample_id_all = 1;
  return attr;
}

// Who, when, and which event: the trailer of every record but SAMPLE.
// `cpu` is the cpu that the thread ran on (a real number, as the kernel writes it even for
// events bound to a thread; perf prints it and takes -1 for "none").
struct SampleId {
  uint32_t pid = 0, tid = 0;
  uint64_t time = 0;
  uint32_t cpu = 0, reserved = 0;
  uint64_t id = 0;
};
static_assert(sizeof(SampleId) == 32);
// perf 6.1 takes an AUX record for a thread's buffer of CoreSight only where it has no cpu.
// Source: tools/perf/util/cs-etm.c, cs_etm__queue_aux_fragment.
inline constexpr uint32_t kNoCpu = ~0u;

namespace detail {
class RecordOut {
 public:
  RecordOut(void* out, size_t cap) : out_(static_cast<char*>(out)), cap_(cap < 65528 ? cap : 65528) { at_ = 8; }
  template <class T>
  void put(const T& value) {
    bytes(&value, sizeof value);
  }
  void bytes(const void* data, size_t size) {
    if (size > cap_ || at_ > cap_ - size)
      at_ = cap_ + 1;
    else
      std::memcpy(out_ + at_, data, size), at_ += size;
  }
  // NUL-terminated and padded to 8, as the kernel does.
  void text(const char* s) {
    const size_t length = std::strlen(s);
    bytes(s, length);
    zeros(8 - length % 8);
  }
  void zeros(size_t size) {
    static constexpr char kZeros[24] = {};
    bytes(kZeros, size);
  }
  size_t finish(uint32_t type, uint16_t misc) {
    if (at_ > cap_) return 0;
    const perf_event_header header{type, misc, static_cast<uint16_t>(at_)};
    std::memcpy(out_, &header, sizeof header);
    return at_;
  }

 private:
  char* out_;
  size_t cap_, at_;
};
}  // namespace detail

inline size_t build_comm(void* out, size_t cap, const SampleId& sid, const char* comm, bool exec) {
  detail::RecordOut r(out, cap);
  r.put(sid.pid), r.put(sid.tid), r.text(comm), r.put(sid);
  return r.finish(PERF_RECORD_COMM, static_cast<uint16_t>(PERF_RECORD_MISC_USER | (exec ? kMiscCommExec : 0)));
}

// A mapping. build_id: raw bytes, size 0 when unknown (then device and inode 0 stand there).
struct Mapping {
  uint64_t address = 0, length = 0, file_offset = 0;
  uint32_t prot = 0, flags = 0;  // PROT_*, MAP_*
  const char* name = "";
  const unsigned char* build_id = nullptr;
  uint8_t build_id_size = 0;  // at most 20
};

inline size_t build_mmap2(void* out, size_t cap, const SampleId& sid, const Mapping& m) {
  detail::RecordOut r(out, cap);
  r.put(sid.pid), r.put(sid.tid), r.put(m.address), r.put(m.length), r.put(m.file_offset);
  const uint8_t size = m.build_id_size <= 20 ? m.build_id_size : 20;
  if (size != 0) {
    const uint8_t head[4] = {size, 0, 0, 0};
    r.put(head), r.bytes(m.build_id, size), r.zeros(20u - size);
  } else {
    r.zeros(24);  // maj, min, ino, ino_generation
  }
  r.put(m.prot), r.put(m.flags), r.text(m.name), r.put(sid);
  return r.finish(PERF_RECORD_MMAP2, static_cast<uint16_t>(PERF_RECORD_MISC_USER | (size ? kMiscMmapBuildId : 0)));
}

// MMAP of kernel code, of no process: the first one tells perf where the kernel is.
inline size_t build_kernel_mmap(void* out, size_t cap, const SampleId& sid, uint64_t address, uint64_t length,
                                uint64_t file_offset, const char* name) {
  detail::RecordOut r(out, cap);
  constexpr uint32_t kNobody = ~0u;
  r.put(kNobody), r.put(uint32_t{0}), r.put(address), r.put(length), r.put(file_offset), r.text(name), r.put(sid);
  return r.finish(PERF_RECORD_MMAP, PERF_RECORD_MISC_KERNEL);
}

// FORK and EXIT: the new (or ending) thread, its parent, the time.
inline size_t build_task(void* out, size_t cap, const SampleId& sid, uint32_t type, uint32_t pid, uint32_t ppid,
                         uint32_t tid, uint32_t ptid) {
  detail::RecordOut r(out, cap);
  r.put(pid), r.put(ppid), r.put(tid), r.put(ptid), r.put(sid.time), r.put(sid);
  return r.finish(type, PERF_RECORD_MISC_USER);
}
inline size_t build_fork(void* out, size_t cap, const SampleId& sid, uint32_t pid, uint32_t ppid, uint32_t tid,
                         uint32_t ptid) {
  return build_task(out, cap, sid, PERF_RECORD_FORK, pid, ppid, tid, ptid);
}
inline size_t build_exit(void* out, size_t cap, const SampleId& sid, uint32_t pid, uint32_t ppid, uint32_t tid,
                         uint32_t ptid) {
  return build_task(out, cap, sid, PERF_RECORD_EXIT, pid, ppid, tid, ptid);
}

inline size_t build_itrace_start(void* out, size_t cap, const SampleId& sid) {
  detail::RecordOut r(out, cap);
  r.put(sid.pid), r.put(sid.tid), r.put(sid);
  return r.finish(PERF_RECORD_ITRACE_START, 0);
}

// `size` bytes of trace became readable at stream position `offset`. flags: kAuxFlag*.
inline size_t build_aux(void* out, size_t cap, const SampleId& sid, uint64_t offset, uint64_t size, uint64_t flags) {
  detail::RecordOut r(out, cap);
  r.put(offset), r.put(size), r.put(flags), r.put(sid);
  return r.finish(PERF_RECORD_AUX, 0);
}

inline size_t build_lost(void* out, size_t cap, const SampleId& sid, uint64_t lost) {
  detail::RecordOut r(out, cap);
  r.put(sid.id), r.put(lost), r.put(sid);
  return r.finish(PERF_RECORD_LOST, 0);
}

// A hit of the trigger `sid.id` at `ip`.
inline size_t build_sample(void* out, size_t cap, const SampleId& sid, uint64_t ip, bool kernel = false) {
  detail::RecordOut r(out, cap);
  r.put(sid.id), r.put(ip), r.put(sid.pid), r.put(sid.tid), r.put(sid.time), r.put(sid.cpu), r.put(sid.reserved);
  return r.finish(PERF_RECORD_SAMPLE, kernel ? PERF_RECORD_MISC_KERNEL : PERF_RECORD_MISC_USER);
}

}  // namespace tracectl::perf
