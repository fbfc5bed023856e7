// SPDX-License-Identifier: MIT
// What the decoders of a capture take from it besides the trace.
#include <catch2/catch.hpp>

#include "backends/intel_pt/decoder.hpp"
#include "backends/intel_pt/flow_decoder.hpp"
#include "backends/intel_pt/metadata.hpp"
#include "backends/intel_pt/reference.hpp"
#include "test/unit/core/capture_fixture.hpp"

using namespace tracectl;

namespace {

struct Losses final : decode::ItemSink {
  size_t events = 0, losses = 0;
  bool on_block(const decode::Stamp&, const decode::Block&) override { return true; }
  bool on_event(const decode::Stamp&, const decode::Event&) override { return ++events != 0; }
  bool on_loss(const decode::Stamp&, const decode::Loss&) override { return ++losses != 0; }
};

// A PSB+ that says that the trace is on, which a TIP.PGE then turns on: what erratum BDM70 makes of it.
std::string false_fup() {
  const std::string psb = capture_fixture::psb(), ip("\x00\x10\x40\x00\x00\x00", 6);
  return psb.substr(0, 16) + "\x99\x01\x7d" + ip + "\x02\x23\x71" + ip;
}

size_t losses_of(const std::string& cpuid, bool flow) {
  const capture_fixture::TempDir dir;
  auto setup = capture_fixture::setup(dir / "c");
  setup.cpuid = cpuid;
  const std::string trace = false_fup();
  {
    auto writer = capture::Writer::create(setup);
    REQUIRE(writer);
    REQUIRE(writer->records(capture_fixture::bytes_of(capture_fixture::start_records())));
    REQUIRE(writer->aux(0, capture_fixture::kTid, -1, 0, capture_fixture::bytes_of(trace)));
    REQUIRE(writer->round());
    REQUIRE(writer->finish());
  }
  const auto reader = capture::Reader::open(dir / "c");
  REQUIRE(reader);
  auto decoder = flow ? intel_pt::make_flow_decoder(*reader).value() : intel_pt::make_decoder(*reader);
  const decode::ImageTimeline none;
  const std::vector<decode::Turn> turns{{0, 0, 1, 1, &none}};
  Losses sink;
  REQUIRE(decoder->decode({}, capture_fixture::bytes_of(trace), turns, sink));
  CHECK(sink.events > 0);
  return sink.losses;
}

}  // namespace

TEST_CASE("a capture's cpuid decides on the errata") {
  const bool flow = GENERATE(false, true);
  CHECK(losses_of("GenuineIntel,6,85,4", flow) == 0);
  CHECK(losses_of("", flow) == 1);
  CHECK(losses_of("AuthenticAMD,25,1,1", flow) == 1);
}

TEST_CASE("the emulated machine's processor has no errata") {
  const auto cpu = intel_pt::parse_cpuid(intel_pt::kEmulatedCpuId);
  CHECK(cpu.known);
  CHECK(intel_pt::quirks_of(cpu) == intel_pt::Quirks{});
  CHECK_FALSE(intel_pt::quirks_of(intel_pt::parse_cpuid("GenuineIntel,6,85,4")) == intel_pt::Quirks{});
}
