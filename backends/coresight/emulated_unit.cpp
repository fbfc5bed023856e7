// SPDX-License-Identifier: MIT
#include "backends/coresight/emulated_unit.hpp"

#include "backends/coresight/pmu.hpp"

namespace tracectl::coresight {
namespace {

// TRCIDR0: RES1, RETSTACK, TSSIZE = 64 bits; no branch broadcast, no cycle counts, no conditional or data trace.
constexpr uint64_t kIdr0 = 1u << 0 | 1u << 9 | 8u << 24;
// TRCIDR1: DESIGNER = Arm, RES1, TRCARCHMAJ, TRCARCHMIN: ETMv4.2; ETE says 0xff, and TRCDEVARCH says it.
constexpr uint64_t kIdr1Etmv4 = 0x41u << 24 | 0xf << 12 | 4u << 8 | 2u << 4, kIdr1Ete = 0x41u << 24 | 0xf << 12 | 0xff << 4;
// TRCIDR2: IASIZE = 64 bits, CIDSIZE = 32 bits. TRCIDR8: MAXSPEC = 0: nothing that is traced is ever taken back.
constexpr uint64_t kIdr2 = 8u << 0 | 4u << 5, kIdr8 = 0;
// TRCAUTHSTATUS: non-secure non-invasive trace is implemented and enabled.
constexpr uint64_t kAuthStatus = 3u << 2;
// TRCDEVARCH: ARCHITECT = Arm, PRESENT, ARCHID = ETEv1.0.
constexpr uint64_t kDevArchEte = 0x47705a13;

}  // namespace

TraceUnit emulated_unit(const CoresightConfig& config) {
  TraceUnit out;
  const bool ete = config.source == "ete";
  out.architecture = ete ? Architecture::ete : Architecture::etmv4;
  out.config = trcconfigr(config_bits(config));
  out.trace_id = kEmulatedTraceId;
  out.idr0 = kIdr0;
  out.idr1 = ete ? kIdr1Ete : kIdr1Etmv4;
  out.idr2 = kIdr2;
  out.idr8 = kIdr8;
  out.authstatus = kAuthStatus;
  out.devarch = ete ? kDevArchEte : 0;
  out.ts_source = 1;
  return out;
}

capture::AuxInfo emulated_info(const CoresightConfig& config, bool snapshot) {
  return build_info({1, capture::kEmulatedPmuType, snapshot, {emulated_unit(config)}});
}

capture::EventSetup emulated_leader(const CoresightConfig& config, bool start_paused, uint64_t id) {
  return capture::leader_event({capture::kEmulatedPmuType, config_bits(config), start_paused}, "cs_etm//u", id);
}

}  // namespace tracectl::coresight
