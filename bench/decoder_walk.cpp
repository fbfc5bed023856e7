// SPDX-License-Identifier: MIT
// What a decoder of ours costs without any view: decoder_walk CAPTURE reference|flow|counted.
//
// counted: the flow decoder, of which only how often each block ran is asked. Prints "INSTRUCTIONS LOSSES MILLISECONDS", the
// last as processor time of decoding alone.
#include <fmt/format.h>

#include <cstring>
#include <ctime>

#include "decode/decode_runs.hpp"
#include "decode/stream_bytes.hpp"
#include "test/flow/decoders.hpp"

using namespace tracectl;

namespace {

struct Count final : decode::ItemSink {
  explicit Count(bool only) : only_(only) {}
  uint64_t insns = 0, losses = 0;
  [[nodiscard]] bool counts_only() const override { return only_; }
  void on_counted(const decode::Stamp&, std::span<const decode::Block> blocks, uint64_t times) override {
    for (const decode::Block& b : blocks) insns += b.insns * times;
  }
  bool on_block(const decode::Stamp&, const decode::Block& b) override {
    insns += b.insns;
    return true;
  }
  bool on_blocks(const decode::Stamp&, std::span<const decode::Block> blocks) override {
    for (const decode::Block& b : blocks) insns += b.insns;
    return true;
  }
  bool on_event(const decode::Stamp&, const decode::Event&) override { return true; }
  bool on_loss(const decode::Stamp&, const decode::Loss&) override {
    ++losses;
    return true;
  }

 private:
  bool only_;
};

double processor_ms() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto reader = flow_test::open_capture(argv[1]);
  if (!reader) return 1;
  const auto images = decode::ImageSet::from_capture(*reader);
  const auto schedule = decode::Schedule::from_capture(*reader);
  auto decoder = flow_test::make_decoder(*reader, std::strcmp(argv[2], "reference") != 0);
  if (!decoder || *decoder == nullptr) return 1;
  Count count(std::strcmp(argv[2], "counted") == 0);
  double spent = 0;
  for (const auto& stream : reader->streams()) {
    const auto bytes = decode::StreamBytes::of(*reader, stream);
    if (!bytes) return 1;
    const auto turns = schedule.of(stream, images, (*decoder)->start_time(stream, bytes->bytes()));
    const double begin = processor_ms();
    if (!decode::decode_runs(**decoder, stream, bytes->bytes(), turns, count)) return 1;
    spent += processor_ms() - begin;
  }
  fmt::print("{} {} {:.1f}\n", count.insns, count.losses, spent);
  return 0;
}
