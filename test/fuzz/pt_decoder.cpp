// SPDX-License-Identifier: MIT
// Any bytes are a trace: what cannot be decoded is Loss, and the decoder ends. Both decoders tell the same.

#include <cstdio>

#include "backends/intel_pt/decoder.hpp"
#include "backends/intel_pt/flow_decoder.hpp"
#include "test/flow/items.hpp"
#include "test/fuzz/decoding.hpp"

using namespace tracectl;

namespace {

constexpr uint64_t kBase = 0x401000;
// 0: nop · 1: jz 5 · 3: nop, nop · 5: call 0x10 · a: syscall · c: jmp 0 · 10: ret
// 11: mov cr3, rax · 14: ptwrite rax · 19: vmptrld [rax] · 1c: iretq · 1e: call rax · 20: vmlaunch · 23: jmp 11
constexpr unsigned char kCode[] = {0x90, 0x74, 0x02, 0x90, 0x90, 0xe8, 0x06, 0,    0,    0,    0x0f, 0x05, 0xeb,
                                   0xf2, 0xcc, 0xcc, 0xc3, 0x0f, 0x22, 0xd8, 0xf3, 0x48, 0x0f, 0xae, 0xe0, 0x0f,
                                   0xc7, 0x30, 0x48, 0xcf, 0xff, 0xd0, 0x0f, 0x01, 0xc2, 0xeb, 0xec};
// None; then one for each set of errata.
constexpr const char* kCpus[] = {"GenuineIntel,6,85,4", "GenuineIntel,6,61,4", "GenuineIntel,6,78,3", "GenuineIntel,6,92,9",
                                 "GenuineIntel,6,122,1"};

struct Setup {
  capture::AuxInfo info;
  std::string cpuid;
  uint64_t config = 0;
};

// Bit 0: has it a processor, bits 2 and up: which; bit 1: time between branches.
Setup setup_of(uint8_t choice) {
  Setup out{{1, {8, 0, 1, 0, 1, 1 << 10, 1 << 11, 0, 0, 0, 1 << 9, 0xf << 14, 308, 2, 2, 37}}, "", 0};
  if ((choice & 1) != 0) out.cpuid = kCpus[(choice >> 2) % std::size(kCpus)];
  if ((choice & 2) != 0) out.config = 0x2e02;
  return out;
}

flow::Items items_of(decode::Decoder& decoder, std::span<const std::byte> trace, const decode::ImageTimeline& images,
                     size_t show = ~size_t{0}) {
  flow::Items items(show);
  const decode::Turn turn{0, 0, 1, 1, &images};
  (void)decoder.decode({}, trace, {&turn, 1}, items);
  items.flush();
  return items;
}

void print(const char* who, const flow::Items& items) {
  for (const auto& line : items.shown) (void)std::fprintf(stderr, "%s  %s\n", who, line.c_str());
}

// Each with a decoder that has seen nothing yet.
void compare(const Setup& s, std::span<const std::byte> trace, const decode::ImageTimeline& images) {
  const auto reference = [&] { return intel_pt::make_decoder(s.info, s.cpuid, s.config); };
  const auto flow = [&] { return intel_pt::make_flow_decoder(s.info, s.cpuid, s.config).value(); };
  const auto a = items_of(*reference(), trace, images), b = items_of(*flow(), trace, images);
  if (a.count() == b.count() && a.hash() == b.hash()) return;
  print("reference", items_of(*reference(), trace, images, 0));
  print("flow     ", items_of(*flow(), trace, images, 0));
  std::abort();
}

}  // namespace

// The first byte chooses the machine, the rest is the trace.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static const fuzz::MemoryFile code(kCode, sizeof kCode);
  static const decode::ImageTimeline images = fuzz::program_of(code, kBase, sizeof kCode);
  const auto trace = std::as_bytes(std::span(data + 1, size - 1));
  const Setup setup = setup_of(data[0]);
  compare(setup, trace, images);
  const auto decoder = intel_pt::make_decoder(setup.info, setup.cpuid, setup.config);
  (void)decoder->start_time({}, trace);
  size_t packets = 0;
  (void)decoder->packets({}, trace, [&](const decode::PacketText& p) { return !p.name.empty() && ++packets < 20000; });
  return 0;
}
