// SPDX-License-Identifier: MIT
// Writer: appends a capture. The file is readable after a crash at any moment: records are
// appended whole, and the header's data size is advanced at every round().
//
// Order: the caller drains a data ring before the AUX ring that it describes, and calls
// round() when every ring has been visited once (PERF_RECORD_FINISHED_ROUND).
// Errors: ENOSPC and the like come back from every call; what was written stays readable.
// Source: tools/perf/Documentation/perf.data-file-format.txt.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/capture/reader.hpp"
#include "core/loss.hpp"
#include "core/result.hpp"

namespace tracectl::capture {

// One event of the file. `attr` is a struct perf_event_attr of 128 bytes (VER7: what perf 6.1 takes).
struct EventSetup {
  std::array<std::byte, 128> attr{};
  std::string name;           // "intel_pt//u", "qsort" : HEADER_EVENT_DESC
  std::vector<uint64_t> ids;  // those known at the start; Writer::add_id takes more
};

struct WriterSetup {
  std::string directory;  // created; an existing capture there moves to DIRECTORY.old
  std::vector<EventSetup> events;
  AuxInfo aux_info;
  std::vector<std::string> command_line;  // HEADER_CMDLINE
  std::string cpuid;                      // HEADER_CPUID: "GenuineIntel,6,85,4"
  std::string plan_text;                  // written verbatim to plan.toml; not written when empty
  bool directory_is_ours = true;
  std::vector<std::byte> first_records;  // in front of AUXTRACE_INFO: perf wants TIME_CONV there
  // AUX records of streams by thread (cpu = -1) lose the cpu in their trailer: perf takes a CoreSight stream's trace by the
  // cpu that both name (tools/perf/util/cs-etm.c, cs_etm__queue_aux_fragment).
  bool aux_without_cpu = false;
  uint64_t room_for_ids = 0;  // of each event, in the head: what is added beyond it reaches the file at finish()
  // The trace unit's clock now: AUXTRACE records carry it as reference, from which readers
  // take what a TSC packet's 56 bits lack. perf 6.1 reads 0 as "no time yet" and crashes on
  // a timed trace. nullptr: CLOCK_MONOTONIC, ns.
  uint64_t (*trace_clock)() = nullptr;
};

class Writer {
 public:
  static Result<Writer> create(const WriterSetup&);
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;
  ~Writer();

  // Whole records, verbatim, as they lie in a data ring (two spans: the ring may wrap).
  Result<> records(std::span<const std::byte> a, std::span<const std::byte> b = {});
  // One AUXTRACE record with its payload. aux_offset: stream position of the first byte.
  Result<> aux(uint32_t idx, int32_t tid, int32_t cpu, uint64_t aux_offset, std::span<const std::byte> a,
               std::span<const std::byte> b = {});
  // One more id of event `event` (an index into WriterSetup::events): samples and records name it from now on.
  Result<> add_id(size_t event, uint64_t id);
  // AUXTRACE_INFO anew, of the same length: what it says is sometimes known only while the trace runs.
  Result<> set_aux_info(const AuxInfo& info);
  [[nodiscard]] const AuxInfo& aux_info() const;
  Result<> round();
  // Feature sections and the AUXTRACE index. Without it the file is still readable.
  Result<> finish();
  // A file beside `data`, replaced as a whole (capture.json).
  Result<> side_file(const std::string& name, const std::string& text);

  [[nodiscard]] uint64_t bytes() const;          // of the data file so far
  [[nodiscard]] uint64_t aux_bytes() const;      // of trace so far
  [[nodiscard]] const LossTotals& loss() const;  // from AUX flags and LOST records that passed through
  [[nodiscard]] const std::string& directory() const;

 private:
  struct Impl;
  explicit Writer(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tracectl::capture
