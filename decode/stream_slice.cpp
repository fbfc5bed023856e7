// SPDX-License-Identifier: MIT
#include "decode/stream_slice.hpp"

#include <algorithm>

#include "decode/stream_bytes.hpp"

namespace tracectl::decode {
namespace {

bool begins_run(const capture::AuxStream& stream, uint64_t at) {
  const auto runs = runs_of(stream);
  return std::any_of(runs.begin(), runs.end(), [at](const Run& run) { return run.begin == at; });
}

}  // namespace

capture::AuxStream slice_of(const capture::AuxStream& stream, uint64_t begin, uint64_t end) {
  capture::AuxStream out = stream;
  out.fragments.clear();
  out.size = 0;
  uint64_t at = 0, behind = stream.begin;  // behind: the stream position where the fragment in front ended
  for (const auto& fragment : stream.fragments) {
    const uint64_t from = std::max(begin, at), to = std::min(end, at + fragment.size);
    if (from < to) {
      const uint64_t left_out = from - at;
      if (out.fragments.empty()) out.begin = left_out != 0 ? fragment.aux_offset + left_out : behind;
      out.fragments.push_back({fragment.file_offset + left_out, to - from, fragment.aux_offset + left_out});
      out.size += to - from;
    }
    at += fragment.size;
    behind = fragment.aux_offset + fragment.size;
  }
  if (begin == 0) return out;
  // What is not skipped begins as a whole stream does.
  out.skipped = begins_run(stream, begin) ? 0 : stream.skipped + begin;
  if (out.skipped != 0 && !out.fragments.empty()) out.begin = out.fragments.front().aux_offset;
  return out;
}

}  // namespace tracectl::decode
