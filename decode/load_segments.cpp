// SPDX-License-Identifier: MIT
#include "decode/load_segments.hpp"

#include <fcntl.h>

#include "core/fd.hpp"

namespace tracectl::decode {

Result<LoadSegments> LoadSegments::of(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot open " + path);
  auto segments = capture::read_core_segments(fd, path);
  if (!segments) return tl::unexpected<Error>(segments.error());
  if (segments->empty()) return fail(path + " has nothing to load: it is no program or library");
  LoadSegments out;
  out.segments_ = std::move(*segments);  // the ABI has them ascend
  return out;
}

std::optional<uint64_t> LoadSegments::address_of(uint64_t file_offset) const {
  for (const capture::CoreSegment& s : segments_)
    if (file_offset >= s.offset && file_offset - s.offset < s.size)
      return s.address - segments_.front().address + (file_offset - s.offset);
  return std::nullopt;
}

}  // namespace tracectl::decode
