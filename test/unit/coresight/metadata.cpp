// SPDX-License-Identifier: MIT
#include "backends/coresight/metadata.hpp"

#include <catch2/catch.hpp>

#include "backends/coresight/pmu.hpp"

using namespace tracectl;
using namespace tracectl::coresight;

namespace {
TraceUnit ete_unit() {
  TraceUnit unit;
  unit.cpu = 3;
  unit.config = trcconfigr(config_bits({}));
  unit.trace_id = 0x16;
  unit.idr0 = 0x28000ea1, unit.idr1 = 0x4100fff3, unit.idr2 = 0x488, unit.authstatus = 0xcc;
  unit.devarch = 0x47705a13;
  return unit;
}
}  // namespace

TEST_CASE("the default config is time stamps and the context id of EL1") {
  CHECK(config_bits({}) == (uint64_t{1} << 28 | uint64_t{1} << 14));
  CHECK(config_bits({}, kContextId2) == (uint64_t{1} << 28 | uint64_t{1} << 15));
}

TEST_CASE("each switch has its bit, and its bit of TRCCONFIGR") {
  CoresightConfig none;
  none.timestamp = none.contextid = false;
  CHECK(config_bits(none) == 0);
  CoresightConfig c = none;
  c.cycacc = true;
  CHECK(trcconfigr(config_bits(c)) == 1u << 4);
  c = none, c.retstack = true;
  CHECK(trcconfigr(config_bits(c)) == 1u << 12);
  c = none, c.branch_broadcast = true;
  CHECK(trcconfigr(config_bits(c)) == 1u << 3);
  CHECK(trcconfigr(kContextId2) == (1u << 7 | 1u << 15));
  CHECK(trcconfigr(kTimestamp) == 1u << 11);
}

TEST_CASE("what is written is read back") {
  TraceInfo info{1, 9, true, {ete_unit(), ete_unit()}};
  info.units[1].architecture = Architecture::etmv4;
  info.units[1].cpu = 1;
  info.units[1].ts_source = 1;
  const auto aux = build_info(info);
  CHECK(aux.type == 3);
  REQUIRE(aux.priv.size() == 3 + (3 + 8) + (3 + 8));
  CHECK(aux.priv[0] == 1);
  CHECK(aux.priv[1] == (uint64_t{9} << 32 | 2));
  CHECK(aux.priv[2] == 1);
  CHECK(aux.priv[3] == 0x5050505050505050);
  CHECK(aux.priv[5] == 8);
  const auto back = parse_info(aux);
  REQUIRE(back);
  CHECK(back->pmu_type == 9);
  CHECK(back->snapshot);
  REQUIRE(back->units.size() == 2);
  CHECK(back->units[0].devarch == ete_unit().devarch);
  CHECK(back->units[0].trace_id == 0x16);
  CHECK_FALSE(back->units[0].ts_source);
  CHECK(back->units[1].architecture == Architecture::etmv4);
  CHECK(back->units[1].ts_source == 1);
}

TEST_CASE("version 0 has no counts, and an ETMv3 unit four registers") {
  const capture::AuxInfo aux{3, {0, uint64_t{8} << 32 | 1, 0, 0x3030303030303030, 2, 11, 12, 13, 14}};
  const auto info = parse_info(aux);
  REQUIRE(info);
  REQUIRE(info->units.size() == 1);
  CHECK(info->units[0].cpu == 2);
  CHECK(info->units[0].config == 11);
  CHECK(info->units[0].trace_id == 12);
  CHECK(info->units[0].etmccer == 13);
  CHECK(info->units[0].etmidr == 14);
}

TEST_CASE("a record cut anywhere is refused, not read beyond") {
  const auto whole = build_info({1, 9, false, {ete_unit(), ete_unit()}});
  for (size_t words = 0; words < whole.priv.size(); ++words) {
    capture::AuxInfo cut{3, {whole.priv.begin(), whole.priv.begin() + static_cast<long>(words)}};
    CHECK_FALSE(parse_info(cut));
  }
}

TEST_CASE("an unknown unit, a newer version and an impossible count are refused in words") {
  auto aux = build_info({1, 9, false, {ete_unit()}});
  aux.priv[3] = 0x1234;
  CHECK(parse_info(aux).error().what.find("0x1234") != std::string::npos);
  aux = build_info({3, 9, false, {ete_unit()}});
  CHECK(parse_info(aux).error().what.find("version 3") != std::string::npos);
  aux = build_info({1, 9, false, {ete_unit()}});
  aux.priv[5] = ~uint64_t{0};
  CHECK_FALSE(parse_info(aux));
  aux.priv[5] = 2;
  CHECK_FALSE(parse_info(aux));
}
