// SPDX-License-Identifier: MIT
// flow_compare CAPTURE [COUNT SEED]: does the flow decoder give what the reference gives?
//
// Every stream is decoded by both; blocks with time, thread, place and position, events, losses and their words must be
// equal one for one. A cut between two blocks where nothing branches may lie elsewhere: such blocks are joined first.
// With COUNT, so many damaged variants of each stream are compared instead (SEED picks what is damaged).
// Output: "ITEMS INSTRUCTIONS LOSSES SEGMENTS", the last those that the flow decoder left to libipt. Exit: 0 equal, 1
// different, with the first difference on stderr, 2 unusable.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "decode/decode_runs.hpp"
#include "decode/stream_bytes.hpp"
#include "test/flow/counts.hpp"
#include "test/flow/damage.hpp"
#include "test/flow/decoders.hpp"
#include "test/flow/items.hpp"

using namespace tracectl;
using flow::damage;
using flow::Items;

namespace {

struct Capture {
  capture::Reader reader;
  decode::ImageSet images;
  decode::Schedule schedule;
  std::unique_ptr<decode::Decoder> reference, flow, parallel;
  decode::ThreadTurns threads{images};
};

void decode_all(decode::Decoder& decoder, const Capture& c, const capture::AuxStream& stream,
                std::span<const std::byte> trace, decode::ItemSink& sink) {
  const auto turns = c.schedule.of(stream, c.images, decoder.start_time(stream, trace));
  if (!decode::decode_runs(decoder, stream, trace, turns, sink)) std::exit(2);
}

void run(decode::Decoder& decoder, const Capture& c, const capture::AuxStream& stream, std::span<const std::byte> trace,
         Items& items) {
  decode_all(decoder, c, stream, trace, items);
  items.flush();
}

// What the flow decoder counts is what the reference tells.
bool compare_counts(const Capture& c, const capture::AuxStream& stream, std::span<const std::byte> trace) {
  Counts told(false), counted(true), by_parts(true);
  decode_all(*c.reference, c, stream, trace, told);
  decode_all(*c.flow, c, stream, trace, counted);
  decode_all(*c.parallel, c, stream, trace, by_parts);
  std::string difference = Counts::difference(told, counted);
  if (difference.empty()) difference = Counts::difference(told, by_parts);
  if (!difference.empty()) fmt::print(stderr, "stream {}: told and counted: {}\n", stream.idx, difference);
  return difference.empty();
}

void show(const Capture& c, decode::Decoder& flow, const capture::AuxStream& stream, std::span<const std::byte> trace,
          size_t chunk) {
  Items a(chunk), b(chunk);
  run(*c.reference, c, stream, trace, a);
  run(flow, c, stream, trace, b);
  for (size_t i = 0; i < a.shown.size() || i < b.shown.size(); ++i) {
    if (i < a.shown.size() && i < b.shown.size() && a.shown[i] == b.shown[i]) continue;
    for (size_t j = i < 4 ? 0 : i - 4; j < i; ++j) fmt::print(stderr, "  both       {}\n", a.shown[j]);
    fmt::print(stderr, "item {}:\n", chunk * Items::kChunk + i);
    for (size_t j = i; j < i + 3 && j < a.shown.size(); ++j) fmt::print(stderr, "  reference  {}\n", a.shown[j]);
    for (size_t j = i; j < i + 3 && j < b.shown.size(); ++j) fmt::print(stderr, "  flow       {}\n", b.shown[j]);
    return;
  }
}

bool equal_items(const Capture& c, decode::Decoder& flow, const capture::AuxStream& stream, std::span<const std::byte> trace,
                 const Items& a, const Items& b) {
  if (a.count() == b.count() && a.hash() == b.hash()) return true;
  size_t chunk = 0;
  while (chunk < a.chunks.size() && chunk < b.chunks.size() && a.chunks[chunk] == b.chunks[chunk]) ++chunk;
  fmt::print(stderr, "stream {}: reference {} items, {} instructions; flow {} items, {} instructions\n", stream.idx,
             a.count(), a.insns(), b.count(), b.insns());
  show(c, flow, stream, trace, chunk);
  return false;
}

struct Sum {
  uint64_t items = 0, insns = 0, losses = 0, by_reference = 0;
};

bool compare(const Capture& c, const capture::AuxStream& stream, std::span<const std::byte> trace, Sum& sum) {
  Items a, b;
  run(*c.reference, c, stream, trace, a);
  const uint64_t before = flow_test::segments_left(c.reader, *c.flow);
  run(*c.flow, c, stream, trace, b);
  sum.by_reference += flow_test::segments_left(c.reader, *c.flow) - before;
  sum.items += a.count();
  sum.insns += a.insns();
  sum.losses += a.losses();
  if (!equal_items(c, *c.flow, stream, trace, a, b)) return false;
  Items by_parts;
  run(*c.parallel, c, stream, trace, by_parts);
  return equal_items(c, *c.parallel, stream, trace, a, by_parts) && compare_counts(c, stream, trace);
}

// OpenCSD 1.3.3 dies of some damage: where a cycle count, which the unit has none of, commits an exception without its
// address.
bool outlives(const Capture& c, const capture::AuxStream& stream, std::span<const std::byte> trace) {
  const pid_t child = ::fork();
  Items items;
  if (child == 0) {
    run(*c.reference, c, stream, trace, items);
    ::_exit(0);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || WIFSIGNALED(status)) return false;
  // It keeps its last error, which gives some later ones their words: so both decoders begin with the same.
  run(*c.reference, c, stream, trace, items);
  return true;
}

// A packet that takes back what was said, which a unit without speculation never writes: OpenCSD 1.3.3 acts on it by what
// it has read long before, or reads behind its stack and dies. There is no reference for such a variant.
bool has_reference(const Capture& c, const capture::AuxStream& stream, std::span<const std::byte> trace) {
  if (!flow_test::is_coresight(c.reader)) return true;
  bool takes_back = false, listed = false;
  const auto lister = flow_test::make_lister(c.reader);
  for (const auto& run : decode::runs_of(stream))
    (void)lister->packets(stream, trace.subspan(run.begin, run.size), [&](const decode::PacketText& packet) {
      listed = true;
      for (const char* name : {"MISPRED", "CANCEL", "I_COMMIT"}) takes_back |= packet.name.find(name) != std::string::npos;
      return !takes_back;
    });
  return listed && !takes_back && outlives(c, stream, trace);
}

bool compare_damaged(const Capture& c, const capture::AuxStream& whole, std::span<const std::byte> trace,
                     unsigned long count, std::mt19937_64& random, Sum& sum) {
  for (unsigned long n = 0; n < count; ++n) {
    std::vector<std::byte> bytes(trace.begin(), trace.end());
    for (size_t faults = 1 + random() % 3; faults != 0; --faults) damage(bytes, random);
    capture::AuxStream stream = whole;
    stream.size = bytes.size();
    stream.fragments = {{0, bytes.size(), 0}};
    stream.cuts.clear();
    if (!has_reference(c, stream, bytes)) continue;
    if (compare(c, stream, bytes, sum)) continue;
    fmt::print(stderr, "variant {}\n", n);
    if (const char* path = std::getenv("FLOW_COMPARE_KEEP")) {
      std::FILE* out = std::fopen(path, "wb");
      if (out != nullptr) (void)std::fwrite(bytes.data(), 1, bytes.size(), out);
      if (out != nullptr) (void)std::fclose(out);
    }
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 4) return 2;
  auto reader = flow_test::open_capture(argv[1]);
  if (!reader) return 2;
  auto images = decode::ImageSet::from_capture(*reader);
  auto schedule = decode::Schedule::from_capture(*reader);
  auto reference = flow_test::make_decoder(*reader, false);
  auto flow = flow_test::make_decoder(*reader, true, {1, 0});
  auto parallel = flow_test::make_decoder(*reader, true, {3, 4096});
  if (!flow) fmt::print(stderr, "{}\n", flow.error().what);
  if (!reference || *reference == nullptr || !flow || *flow == nullptr || !parallel) return 2;
  Capture c{std::move(*reader),    std::move(images), std::move(schedule),
            std::move(*reference), std::move(*flow),  std::move(*parallel)};
  for (auto* decoder : {c.reference.get(), c.flow.get(), c.parallel.get()})
    if (!capture::is_snapshot(argv[1])) (void)decoder->use_threads(c.threads);  // a snapshot's context ids name none
  const unsigned long count = argc == 4 ? std::strtoul(argv[2], nullptr, 0) : 0;
  std::mt19937_64 random(argc == 4 ? std::strtoul(argv[3], nullptr, 0) : 0);
  Sum sum;
  bool equal = true;
  for (const auto& stream : c.reader.streams()) {
    const auto bytes = decode::StreamBytes::of(c.reader, stream);
    if (!bytes) return 2;
    for (const auto& source : c.reference->sources(stream, bytes->bytes())) {
      capture::AuxStream one = stream;
      one.source = source.id;
      one.cpu = source.cpu;
      equal = equal && (count == 0 ? compare(c, one, bytes->bytes(), sum)
                                   : compare_damaged(c, one, bytes->bytes(), count, random, sum));
    }
    if (!equal) break;
  }
  fmt::print("{} {} {} {}\n", sum.items, sum.insns, sum.losses, sum.by_reference);
  return equal ? 0 : 1;
}
