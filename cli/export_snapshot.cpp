// SPDX-License-Identifier: MIT
#include "cli/export_snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "backends/coresight/facts.hpp"
#include "core/perf/uapi.hpp"

namespace tracectl::cli {
namespace {

// The program that had most of the turns; of equals the later one.
const decode::ImageTimeline* program_of(const std::vector<decode::Turn>& turns) {
  std::map<const decode::ImageTimeline*, size_t> count;
  const decode::ImageTimeline* best = turns.front().images;
  for (const decode::Turn& turn : turns)
    if (++count[turn.images] >= count[best]) best = turn.images;
  return best;
}

std::string name_of(const capture::AuxStream& stream) {
  if (stream.cpu >= 0) return fmt::format("cpu_{}", stream.cpu);
  return stream.tid >= 0 ? fmt::format("thread_{}", stream.tid) : fmt::format("buffer_{}", stream.idx);
}

// The program of a unit's cpu, where the stream is of no thread.
const decode::ImageTimeline* images_of(const OpenCapture& capture, const capture::AuxStream& stream,
                                       const coresight::TraceUnit& unit) {
  capture::AuxStream one = stream;
  if (stream.tid < 0 && stream.cpu < 0) one.cpu = unit.cpu;
  return program_of(capture.schedule.of(one, capture.images, 0));
}

// The stream's bytes up to the end of its last piece: what a recorder pads a fragment with is no packet.
std::vector<std::span<const std::byte>> trace_of(const OpenCapture& capture, const capture::AuxStream& stream) {
  std::vector<std::span<const std::byte>> out;
  const uint64_t end = stream.pieces.empty() ? ~uint64_t{0} : stream.pieces.back().offset + stream.pieces.back().size;
  for (const auto& fragment : stream.fragments) {
    if (fragment.aux_offset >= end) break;
    const auto bytes = capture.reader.bytes(fragment);
    out.push_back(bytes.first(std::min<uint64_t>(bytes.size(), end - fragment.aux_offset)));
  }
  return out;
}

coresight::SnapshotBuffer buffer_of(const OpenCapture& capture, const capture::AuxStream& stream,
                                    const coresight::Facts& facts) {
  coresight::SnapshotBuffer out;
  out.name = name_of(stream);
  out.framed = !stream.raw;
  out.trace = trace_of(capture, stream);
  for (const coresight::TraceUnit& unit : facts.units_of(stream))
    out.cores.push_back({unit, images_of(capture, stream, unit)});
  // A thread's buffer has the bytes of whichever unit it ran on; they are alike.
  if (!out.framed && out.cores.size() > 1) out.cores.resize(1);
  return out;
}

}  // namespace

Result<coresight::SnapshotFacts> export_snapshot(OpenCapture& capture, const CaptureOptions& options,
                                                 const std::string& directory) {
  if (capture.reader.aux_info().type != perf::kAuxtraceCsEtm)
    return fail_usage(fmt::format("an OpenCSD snapshot holds CoreSight trace, and this capture's is {}", capture.backend()),
                      "export --to perfetto, speedscope, folded or autofdo");
  const auto facts = coresight::facts_of(capture.reader);
  if (!facts) return tl::unexpected<Error>(facts.error());
  auto writer = coresight::SnapshotWriter::create(directory);
  if (!writer) return tl::unexpected<Error>(writer.error());
  for (const capture::AuxStream* stream : streams_in_order(capture.reader)) {
    if (options.tid >= 0 && stream->tid != options.tid) continue;
    if (auto added = writer->add(buffer_of(capture, *stream, *facts)); !added) return tl::unexpected<Error>(added.error());
  }
  return writer->finish();
}

}  // namespace tracectl::cli
