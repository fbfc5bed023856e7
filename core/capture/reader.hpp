// SPDX-License-Identifier: MIT
// Reader: a capture (a perf.data directory of ours, or a single perf.data of another
// recorder) as facts, records and trace streams. It maps the data file read-only; nothing
// of the machine that recorded is needed.
//
// Errors: open() refuses what is not a perf.data. Damage behind the header is Loss: a cut
// file, an unknown record type (counted, skipped), never an abort; a misaligned record or
// one whose size is wrong ends the walk and is counted as cut_file, and so is a file whose
// recorder never finished it: what it had not drained is missing.
// Source: tools/perf/Documentation/perf.data-file-format.txt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/loss.hpp"
#include "core/result.hpp"

namespace tracectl::capture {

// One event of the file: a perf_event_attr and the ids that samples carry.
struct EventDesc {
  uint32_t type = 0;  // PERF_TYPE_* or a dynamic PMU type
  uint64_t config = 0;
  uint64_t sample_type = 0;  // PERF_SAMPLE_*
  uint32_t aux_action = 0;   // bit 0 start_paused, 1 pause, 2 resume
  bool sample_id_all = false;
  std::string name;  // HEADER_EVENT_DESC; empty when absent
  std::vector<uint64_t> ids;
};

// A PERF_RECORD_* with its sample_id fields parsed. Kernel records and samples alike.
struct Record {
  uint32_t type = 0;
  uint16_t misc = 0;
  std::span<const std::byte> body;  // behind the 8-byte header, sample_id included
  uint64_t file_offset = 0;
  uint64_t time = 0;  // ns of the perf clock; 0 when the record carries none
  uint64_t id = 0;    // PERF_SAMPLE_IDENTIFIER; 0 when absent
  uint64_t ip = 0;    // samples only
  int32_t pid = -1, tid = -1, cpu = -1;
  int event = -1;  // index into events(), by id
};

// A run of trace bytes of one stream, as the file holds it.
struct AuxFragment {
  uint64_t file_offset = 0;  // of the first trace byte
  uint64_t size = 0;         // bytes
  uint64_t aux_offset = 0;   // position in the stream
};

// What one PERF_RECORD_AUX tells of a stream: the trace that was taken out of the sink at once.
struct AuxPiece {
  uint64_t offset = 0, size = 0;  // stream position; bytes
  uint64_t time = 0;              // ns of the perf clock: behind its trace
};

// All trace of one AUX buffer: one thread (cpu == -1) or one cpu (tid == -1).
// `follows_tasks`: a cpu's buffer that only certain threads write into, each by an event of its
// own (`perf record CMD`).
// Fragments are in stream order. `gaps`: bytes missing between fragments.
struct AuxStream {
  uint32_t idx = 0;
  int32_t pid = -1, tid = -1, cpu = -1;
  uint64_t size = 0;  // sum of fragments, bytes
  uint64_t gaps = 0;
  bool follows_tasks = false;
  std::vector<AuxFragment> fragments;
  std::vector<uint64_t> cuts;  // stream positions behind which trace is missing: the buffer was full (TRUNCATED)
  // CoreSight only. Its trace unit starts anew with each piece.
  std::vector<AuxPiece> pieces;  // by offset; none is empty
  bool raw = false;              // a trace unit's bytes as they are (TRBE); else in frames, perhaps of several units
  uint64_t skipped = 0;          // bytes of fragments that were left out in front (decode/seek.hpp),
  uint64_t begin = 0;            // and the stream position where the others begin
  uint8_t source = 0;            // only what has this trace id (decode::Decoder::sources); 0: all
};

// PERF_RECORD_AUXTRACE_INFO.
struct AuxInfo {
  uint32_t type = 0;  // 1 intel_pt, 3 cs_etm; 0 when the file has none
  std::vector<uint64_t> priv;
};

class Reader {
 public:
  // `path`: a directory with a file `data`, or a perf.data file.
  static Result<Reader> open(const std::string& path);
  // The bytes of a perf.data file; `path`: what they are called.
  static Result<Reader> of(std::vector<std::byte> bytes, const std::string& path);
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();

  [[nodiscard]] const std::string& path() const;  // as given
  [[nodiscard]] std::string directory() const;    // "" for a single file
  [[nodiscard]] const std::vector<EventDesc>& events() const;
  [[nodiscard]] const AuxInfo& aux_info() const;
  [[nodiscard]] const std::vector<AuxStream>& streams() const;
  [[nodiscard]] const LossTotals& loss() const;  // seen while indexing: AUX flags, LOST, cut file, unknown records
  [[nodiscard]] std::string feature_string(unsigned feature) const;  // HEADER_CPUID, HEADER_CMDLINE, ...; "" when absent
  [[nodiscard]] uint64_t aux_bytes() const;                          // all streams together
  [[nodiscard]] bool finished() const;  // false: its recorder was killed, or the file lacks its end

  // Calls `fn` for every record in file order (AUXTRACE payloads skipped). Stops when fn returns false.
  void for_each_record(const std::function<bool(const Record&)>& fn) const;

  // Bytes of one fragment, straight from the map.
  [[nodiscard]] std::span<const std::byte> bytes(const AuxFragment&) const;
  // Pages of the file once more, at `place`; all three are multiples of a page. False: not possible.
  [[nodiscard]] bool map_at(std::byte* place, uint64_t file_offset, uint64_t size) const;

 private:
  struct Impl;
  explicit Reader(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tracectl::capture
