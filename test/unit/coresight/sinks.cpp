// SPDX-License-Identifier: MIT
#include "backends/coresight/sinks.hpp"

#include <catch2/catch.hpp>

using namespace tracectl::coresight;

namespace {
using Ids = std::map<std::string, std::string>;
using Files = std::map<std::string, SinkFiles>;

SinkFiles etr(const char* available, const char* preferred) {
  return {{"buf_modes_available", available}, {"buf_mode_preferred", preferred}, {"buffer_size", "0x100000"}};
}
}  // namespace

TEST_CASE("the table has each kind at its place") {
  for (const SinkRow& row : sink_rows()) CHECK(&row_of(row.kind) == &row);
  CHECK(sink_rows().size() == 7);
}

TEST_CASE("a sink's kind by its name and its files") {
  struct {
    const char* name;
    SinkFiles files;
    SinkKind kind;
  } const cases[] = {
      {"trbe12", {}, SinkKind::trbe},
      {"tmc_etf0", {}, SinkKind::etf},
      {"tmc_etb0", {}, SinkKind::etb},
      {"etb0", {}, SinkKind::etb},
      {"tmc_etr0", {}, SinkKind::etr_flat},  // before Linux 6.7 no file tells
      {"tmc_etr0", etr("auto flat", "auto"), SinkKind::etr_flat},
      {"tmc_etr0", etr("auto flat tmc-sg", "auto"), SinkKind::etr_scatter},
      {"tmc_etr0", etr("auto flat catu", "auto"), SinkKind::etr_catu},
      {"tmc_etr0", etr("auto flat tmc-sg catu", "auto"), SinkKind::etr_scatter},
      {"tmc_etr0", etr("auto flat tmc-sg catu", "catu"), SinkKind::etr_catu},
      {"tmc_etr0", etr("auto flat tmc-sg", "flat"), SinkKind::etr_flat},
      {"tmc_etr0", etr("auto flat resrv", "resrv"), SinkKind::etr_reserved},
      {"tmc_etr0", etr("auto flat resrv", "auto"), SinkKind::etr_flat},  // only on request
  };
  for (const auto& c : cases) {
    INFO(c.name);
    CHECK(kind_of(c.name, c.files) == c.kind);
  }
  CHECK_FALSE(kind_of("ultra_smb0", {}));
}

TEST_CASE("auto takes each cpu's own sink, then memory, then SRAM, and leaves the id to the kernel") {
  const Ids trbes = {{"tmc_etf0", "0x1"}, {"tmc_etr0", "0x2"}, {"trbe0", "0x3"}, {"trbe1", "0x4"}};
  const auto own = choose_sink("auto", trbes, {});
  REQUIRE(own);
  CHECK(own->name == "trbe");
  CHECK(own->kind == SinkKind::trbe);
  CHECK(own->id == 0);
  const auto memory = choose_sink("auto", {{"tmc_etf0", "0x1"}, {"tmc_etr0", "0x2"}}, {});
  REQUIRE(memory);
  CHECK(memory->name == "tmc_etr0");
  CHECK(memory->why.find("larger than SRAM") != std::string::npos);
  const auto sram = choose_sink("auto", {{"etb0", "0x1"}}, {});
  REQUIRE(sram);
  CHECK(sram->kind == SinkKind::etb);
}

TEST_CASE("a named sink gives its id") {
  const Files files = {{"tmc_etr0", etr("auto flat tmc-sg", "auto")}};
  const auto choice = choose_sink("tmc_etr0", {{"tmc_etr0", "0x28c7e2ac"}, {"trbe0", "0x3"}}, files);
  REQUIRE(choice);
  CHECK(choice->id == 0x28c7e2ac);
  CHECK(choice->kind == SinkKind::etr_scatter);
  const auto one = choose_sink("trbe0", {{"trbe0", "0x3"}}, {});
  REQUIRE(one);
  CHECK(one->why.find("only its own cpu") != std::string::npos);
}

TEST_CASE("a sink that is not there is an error that names the others") {
  const auto missing = choose_sink("tmc_etr1", {{"tmc_etr0", "0x1"}, {"trbe0", "0x3"}}, {});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().hint.find("tmc_etr0, trbe0") != std::string::npos);
  CHECK(choose_sink("auto", {}, {}).error().what.find("nowhere to go") != std::string::npos);
  CHECK_FALSE(choose_sink("odd0", {{"odd0", "0x9"}}, {}));
}

TEST_CASE("what a sink means is said in words") {
  CHECK(describe(row_of(SinkKind::trbe)) ==
        "TRBE: written in place, one for each cpu, as large as [buffer] size, raw bytes of one unit; the AUX buffer's own "
        "pages; a pause leaves it as it is");
  CHECK(describe(row_of(SinkKind::etf)).find("of a fixed size, 16-byte frames") != std::string::npos);
}
