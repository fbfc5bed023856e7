// SPDX-License-Identifier: MIT
// Any bytes are a trace of CoreSight: what cannot be decoded is Loss, and the decoder ends. Bytes that begin as a perf.data
// are one: its metadata, hardware ids, clock and streams are read as `tracectl info` reads them.
#include <cstring>

#include "backends/coresight/decoder.hpp"
#include "decode/stream_bytes.hpp"
#include "test/fuzz/decoding.hpp"

using namespace tracectl;

namespace {

constexpr uint64_t kBase = 0x401000;
// cs_program.S
constexpr uint32_t kCode[] = {0xd2800133, 0xaa1303e0, 0x9400000b, 0x10000141, 0xd63f0020, 0xd2801588,
                              0xd4000001, 0xd5033fdf, 0xf1000673, 0x54ffff01, 0xd2800000, 0xd2800bc8,
                              0xd4000001, 0x36000040, 0x91000400, 0xb5000040, 0xd503201f, 0xd65f03c0};

const decode::ImageTimeline& program() {
  static const fuzz::MemoryFile code(kCode, sizeof kCode);
  static const decode::ImageTimeline images = fuzz::program_of(code, kBase, sizeof kCode);
  return images;
}

void decode_all(decode::Decoder& decoder, capture::AuxStream stream, std::span<const std::byte> trace) {
  const decode::Turn turn{0, 0, 1, 1, &program()};
  for (const auto& source : decoder.sources(stream, trace)) {
    stream.source = source.id;
    stream.cpu = source.cpu;
    fuzz::Counter sink;
    (void)decoder.decode(stream, trace, {&turn, 1}, sink);
    (void)decoder.start_time(stream, trace);
  }
}

void read_capture(std::span<const std::byte> bytes) {
  const auto reader = capture::Reader::of({bytes.begin(), bytes.end()}, "fuzz");
  if (!reader) return;
  auto facts = coresight::facts_of(*reader);
  if (!facts) return;
  const auto decoder = coresight::make_decoder(std::move(*facts));
  for (const auto& stream : reader->streams()) {
    const auto joined = decode::StreamBytes::of(*reader, stream);
    if (!joined) continue;
    for (const auto& run : decode::runs_of(stream))
      decode_all(*decoder, stream, joined->bytes().subspan(run.begin, run.size));
  }
}

// An ETE, or an ETMv4 of the same registers.
coresight::Facts facts_for(bool etmv4) {
  coresight::TraceUnit unit;
  unit.architecture = etmv4 ? coresight::Architecture::etmv4 : coresight::Architecture::ete;
  unit.config = 0x840;
  unit.trace_id = 0x10;
  unit.idr0 = 0x8000201, unit.idr1 = etmv4 ? 0x4100f403 : 0x4100fff0, unit.idr2 = 0x88;
  unit.devarch = 0x47705a13;
  coresight::Facts out;
  out.info.units.push_back(unit);
  out.clock.emplace();
  return out;
}

}  // namespace

// The first byte of a trace: 1 an ETMv4, 2 in frames.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto all = std::as_bytes(std::span(data, size));
  if (size > 8 && std::memcmp(data, "PERFILE2", 8) == 0) read_capture(all);
  if (size == 0) return 0;
  const auto decoder = coresight::make_decoder(facts_for((data[0] & 1) != 0));
  capture::AuxStream stream;
  stream.cpu = 0;
  stream.raw = (data[0] & 2) == 0;
  decode_all(*decoder, stream, all.subspan(1));
  return 0;
}
