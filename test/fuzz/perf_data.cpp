// SPDX-License-Identifier: MIT
// Any bytes are a perf.data or are refused; whatever the reader offers lies inside the file.
#include "core/capture/reader.hpp"
#include "core/perf/records.hpp"
#include "decode/image.hpp"
#include "decode/stream_bytes.hpp"
#include "test/fuzz/memory_file.hpp"

using namespace tracectl;

namespace {

volatile unsigned sink;  // keeps the reads

void touch(std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (const std::byte b : bytes) sum += std::to_integer<unsigned>(b);
  sink = sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::MemoryFile file(data, size);
  const auto reader = capture::Reader::open(file.path());
  if (!reader) return 0;
  reader->for_each_record([](const capture::Record& r) {
    touch(r.body);
    (void)perf::parse_mmap(r.type, r.misc, r.body);
    return true;
  });
  for (const auto& stream : reader->streams()) {
    for (const auto& fragment : stream.fragments) touch(reader->bytes(fragment));
    if (const auto joined = decode::StreamBytes::of(*reader, stream)) touch(joined->bytes());
  }
  for (unsigned feature = 0; feature < 64; ++feature) (void)reader->feature_string(feature);
  (void)decode::ImageSet::from_capture(*reader);
  return 0;
}
