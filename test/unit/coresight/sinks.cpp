// SPDX-License-Identifier: MIT
// Which sink a machine's facts give, and what is said of it.
#include "backends/coresight/sinks.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "backends/coresight/buffer.hpp"

using namespace tracectl;
using namespace tracectl::coresight;

namespace {

std::vector<Sink> sinks(const std::string& name) {
  const HostFacts host = read_host(std::string(TRACECTL_SOURCE_DIR) + "/test/hosts/" + name);
  return sinks_of(host.pmus.at("cs_etm"), host.sink_devices);
}

Sink one(const std::string& name, std::map<std::string, std::string> files) {
  PmuFacts pmu;
  pmu.sinks[name] = "0x1";
  return sinks_of(pmu, {{name, std::move(files)}}).front();
}

}  // namespace

TEST_CASE("every kind of sink has its row, with its source") {
  for (size_t i = 0; i < sink_rows().size(); ++i) {
    const SinkRow& row = sink_rows()[i];
    CHECK(static_cast<size_t>(row.kind) == i);
    CHECK(row.in_place == row.per_cpu);
    CHECK(row.formatted != row.per_cpu);
    CHECK(*row.source != 0);
  }
}

TEST_CASE("a device's name and files tell what it is") {
  struct Row {
    const char* name;
    std::map<std::string, std::string> files;
    SinkKind kind;
    uint64_t size;
  };
  const Row rows[] = {
      {"tmc_etr0", {{"buf_mode_preferred", "flat"}, {"buffer_size", "0x400000"}}, SinkKind::etr_flat, 4 << 20},
      {"tmc_etr0", {{"buf_mode_preferred", "tmc-sg"}}, SinkKind::etr_sg, 0},
      {"tmc_etr1", {{"buf_mode_preferred", "catu"}}, SinkKind::etr_catu, 0},
      {"tmc_etr1", {{"buf_mode_preferred", "resrved"}}, SinkKind::etr_reserved, 0},
      {"tmc_etr0", {{"buf_mode_preferred", "auto"}}, SinkKind::etr, 0},
      {"tmc_etr0", {}, SinkKind::etr, 0},
      {"tmc_etr0", {{"buf_mode_preferred", "a newer word"}, {"buffer_size", "junk"}}, SinkKind::etr, 0},
      {"tmc_etf0", {{"mgmt/rsz", "0x4000"}}, SinkKind::etf, 64 << 10},
      {"tmc_etb0", {{"mgmt/rsz", "0x800"}}, SinkKind::etb, 8 << 10},
      {"etb0", {{"mgmt/rdp", "0x1000"}}, SinkKind::etb, 16 << 10},
      {"trbe17", {{"align", "64"}}, SinkKind::trbe, 0},
      {"trbe", {}, SinkKind::other, 0},
      {"dummy_sink0", {}, SinkKind::other, 0},
  };
  for (const Row& row : rows) {
    const Sink sink = one(row.name, row.files);
    INFO(row.name);
    CHECK(sink.kind == row.kind);
    CHECK(sink.size == row.size);
  }
  CHECK(one("trbe17", {}).cpu == 17);
  CHECK(one("trbe0", {{"flag", "0"}}).errata == "it does not set the access flag itself (TRBIDR_EL1.F = 0)");
}

TEST_CASE("auto takes what the kernel takes: TRBE before ETR before ETF and ETB") {
  const auto server = choose_sink(sinks("trbe_server"), "auto");
  REQUIRE(server);
  CHECK(server->kind == SinkKind::trbe);
  CHECK(server->sinks.size() == 4);
  const auto board = choose_sink(sinks("etr_board"), "auto");
  REQUIRE(board);
  CHECK(board->kind == SinkKind::etr);
  CHECK(board->sinks.size() == 1);
  CHECK(choose_sink(sinks("etmv3_board"), "auto")->kind == SinkKind::etb);
  CHECK(choose_sink(sinks("etr_board"), "tmc_etf0")->sinks.front().size == 64 << 10);
}

TEST_CASE("one cpu's sink by its name says whom it leaves out; what is not there is refused") {
  const auto named = choose_sink(sinks("trbe_server"), "trbe2");
  REQUIRE(named);
  CHECK_THAT(named->why, Catch::Contains("what runs on other cpus than 2 is not traced"));
  CHECK(choose_sink(sinks("trbe_server"), "tmc_etr0").error() == "this machine has no sink \"tmc_etr0\"");
  CHECK_THAT(choose_sink({}, "auto").error(), Catch::Contains("no sink"));
}

TEST_CASE("an AUX buffer is the TRBE's own, and for others what the driver copies into") {
  BufferPlan buffer;
  buffer.aux_size = 4096;
  const auto trbe = choose_sink(sinks("trbe_server"), "auto");
  CHECK_FALSE(aux_pages(buffer, *trbe, 4096).possible);
  buffer.aux_size = 64 << 10;
  CHECK(aux_pages(buffer, *trbe, 4096).possible);
  CHECK(aux_pages(buffer, *trbe, 4096).sink_size == 0);
  const auto etr = choose_sink(sinks("etr_board"), "tmc_etr0");
  CHECK(aux_pages(buffer, *etr, 4096).sink_size == 1 << 20);  // buffer_size is more
  buffer.aux_size = 4 << 20;
  CHECK(aux_pages(buffer, *etr, 4096).sink_size == 4 << 20);
  const auto etf = choose_sink(sinks("etr_board"), "tmc_etf0");
  CHECK_THAT(aux_pages(buffer, *etf, 4096).why, Catch::Contains("more than that between two stops is lost"));
}
