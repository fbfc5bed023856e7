// SPDX-License-Identifier: MIT
#include "backends/intel_pt/metadata.hpp"

#include <catch2/catch.hpp>
#include <cstring>

#include "core/perf/record_build.hpp"
#include "core/perf/uapi.hpp"

using namespace tracectl;

namespace {
perf_event_attr attr_of(const capture::EventSetup& event) {
  perf_event_attr attr{};
  std::memcpy(&attr, event.attr.data(), event.attr.size());
  return attr;
}
}  // namespace

TEST_CASE("the default leader config is pt, tsc, branch") {
  CHECK(intel_pt::config_bits({}) == ((1u << 0) | (1u << 10) | (1u << 13)));
}

TEST_CASE("periods and thresholds go to their fields") {
  IntelPtConfig c;
  c.mtc_period = 3;
  c.cyc_thresh = 5;
  c.psb_period = 7;
  CHECK((intel_pt::config_bits(c) >> 14 & 0xf) == 3);
  CHECK((intel_pt::config_bits(c) >> 19 & 0xf) == 5);
  CHECK((intel_pt::config_bits(c) >> 24 & 0xf) == 7);
}

TEST_CASE("event and notnt are the bits above 30") {
  IntelPtConfig c;
  c.event = c.notnt = true;
  CHECK((intel_pt::config_bits(c) & ((uint64_t{1} << 31) | (uint64_t{1} << 55))) ==
        ((uint64_t{1} << 31) | (uint64_t{1} << 55)));
}

TEST_CASE("a leader that starts paused says so in aux_action") {
  CHECK(perf::aux_action(attr_of(intel_pt::leader({}, true, 1))) == perf::kAuxStartPaused);
  CHECK(perf::aux_action(attr_of(intel_pt::leader({}, false, 1))) == 0);
}

TEST_CASE("a trigger carries its name, its id and its action") {
  const auto event = capture::trigger_event("parse", Action::pause, 9);
  CHECK(event.name == "parse");
  CHECK(event.ids == std::vector<uint64_t>{9});
  CHECK(perf::aux_action(attr_of(event)) == perf::kAuxPause);
  CHECK(perf::aux_action(attr_of(capture::trigger_event("x", Action::resume, 9))) == perf::kAuxResume);
  CHECK(perf::aux_action(attr_of(capture::trigger_event("x", Action::snapshot, 9))) == 0);
}

TEST_CASE("all events of a capture share one sample layout") {
  for (const auto& event :
       {intel_pt::leader({}, true, 1), capture::sideband_event(2), capture::trigger_event("t", Action::resume, 3)}) {
    CHECK(attr_of(event).sample_type == perf::kSampleType);
    CHECK(attr_of(event).sample_id_all == 1);
    CHECK(attr_of(event).size == 128);
  }
}

TEST_CASE("AUXTRACE_INFO has the 18 words that perf reads") {
  const auto info = intel_pt::aux_info();
  CHECK(info.type == 1);
  REQUIRE(info.priv.size() == 18);
  CHECK(info.priv[0] == intel_pt::kEmulatedPmuType);
  CHECK(info.priv[2] == 1);         // time_mult
  CHECK(info.priv[4] == 1);         // cap_user_time_zero
  CHECK(info.priv[5] == 1u << 10);  // tsc bit
}
