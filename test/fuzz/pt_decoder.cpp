// SPDX-License-Identifier: MIT
// Any bytes are a trace: what cannot be decoded is Loss, and the decoder ends.
#include <cstdlib>

#include "backends/intel_pt/decoder.hpp"
#include "test/fuzz/memory_file.hpp"

using namespace tracectl;

namespace {

constexpr uint64_t kBase = 0x401000;
// 0: nop · 1: jz 5 · 3: nop, nop · 5: call 0x10 · a: syscall · c: jmp 0 · 10: ret
constexpr unsigned char kCode[] = {0x90, 0x74, 0x02, 0x90, 0x90, 0xe8, 0x06, 0,   0,
                                   0,    0x0f, 0x05, 0xeb, 0xf2, 0xcc, 0xcc, 0xc3};

class Counter final : public decode::ItemSink {
 public:
  bool on_block(const decode::Stamp&, const decode::Block& block) override {
    if (block.insns == 0) std::abort();
    return more();
  }
  bool on_event(const decode::Stamp&, const decode::Event&) override { return more(); }
  bool on_loss(const decode::Stamp&, const decode::Loss&) override { return more(); }

 private:
  // A loop of direct jumps never ends by itself.
  bool more() { return ++items_ < 20000; }
  size_t items_ = 0;
};

}  // namespace

// The first byte chooses the machine, the rest is the trace.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static const fuzz::MemoryFile code(kCode, sizeof kCode);
  static const decode::ImageTimeline images = [] {
    decode::ImageTimeline out;
    out.sections.push_back({0, kBase, sizeof kCode, 0, code.path(), code.path(), ""});
    return out;
  }();
  const auto trace = std::as_bytes(std::span(data + 1, size - 1));
  const auto decoder = intel_pt::make_decoder({1, {8, 0, 1, 0, 1}}, (data[0] & 1) != 0 ? "GenuineIntel,6,85,4" : "",
                                              (data[0] & 2) != 0 ? 0x2e02u : 0u);
  Counter sink;
  const decode::Turn turn{0, 0, 1, 1, &images};
  (void)decoder->decode({}, trace, {&turn, 1}, sink);
  (void)decoder->start_time({}, trace);
  size_t packets = 0;
  (void)decoder->packets({}, trace, [&](const decode::PacketText& p) { return !p.name.empty() && ++packets < 20000; });
  return 0;
}
