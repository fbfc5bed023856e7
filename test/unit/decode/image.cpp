// SPDX-License-Identifier: MIT
#include "decode/image.hpp"

#include <catch2/catch.hpp>

#include "decode/address_set.hpp"
#include "decode/locate.hpp"

using namespace tracectl::decode;

namespace {

Section section(uint64_t time, uint64_t address, const char* name) { return {time, address, 0x1000, 0, "", name, ""}; }

}  // namespace

TEST_CASE("the latest mapping before a time holds an address") {
  ImageTimeline images;
  images.sections = {section(10, 0x1000, "old"), section(20, 0x1000, "new"), section(20, 0x3000, "far")};
  CHECK(images.find(0x1800, 15)->name == "old");
  CHECK(images.find(0x1800, 20)->name == "new");
  CHECK(images.find(0x3000, 15)->name == "far");
  CHECK(images.find(0x2000, 50) == nullptr);
}

TEST_CASE("an index finds what a walk over all sections finds") {
  ImageTimeline images;
  uint64_t seed = 1;
  const auto below = [&seed](uint64_t n) {
    return (seed = seed * 6364136223846793005u + 1442695040888963407u) >> 33 & (n - 1);
  };
  for (uint64_t i = 0; i < 200; ++i) {
    Section s = section(i, below(64) << 8, "x");
    s.size = (1 + below(8)) << 8;
    images.sections.push_back(s);
  }
  const SectionIndex index(images);
  for (uint64_t address = 0; address < 0x5000; address += 0x80)
    for (uint64_t time = 0; time < 210; time += 7) CHECK(index.find(address, time) == images.find(address, time));
  CHECK(SectionIndex(ImageTimeline{}).find(0, 0) == nullptr);
}

TEST_CASE("addresses are taken once") {
  AddressSet set;
  CHECK_FALSE(set.add(0x1000, 0x2000));
  CHECK_FALSE(set.add(0x2000, 0x3000));
  CHECK(set.add(0x2fff, 0x5000));
  CHECK_FALSE(set.add(0x5000, 0x6000));
  CHECK(set.add(0, 0x1001));
  CHECK(set.add(0x100, 0x200));
}

TEST_CASE("an exec starts a program image of its own") {
  ImageSet set;
  set.add_section(7, section(1, 0x1000, "shell"));
  set.add_exec(7, 10, "ls");
  set.add_section(7, section(11, 0x1000, "ls"));
  CHECK(set.at(7, 5).find(0x1000, 5)->name == "shell");
  CHECK(set.at(7, 12).find(0x1000, 12)->name == "ls");
  CHECK(set.at(7, 12).sections.size() == 1);
  CHECK(set.comm(7, 12) == "ls");
}

TEST_CASE("a forked child has its parent's mappings up to the fork") {
  ImageSet set;
  set.add_section(7, section(1, 0x1000, "app"));
  set.add_fork(8, 7, 10);
  set.add_section(7, section(20, 0x5000, "later"));
  CHECK(set.at(8, 30).sections.size() == 1);
  CHECK(set.at(8, 30).find(0x1000, 30)->name == "app");
  CHECK(set.at(7, 30).sections.size() == 2);
}

TEST_CASE("an unknown process has no image and its thread is its own process") {
  const ImageSet set;
  CHECK(set.at(1, 1).sections.empty());
  CHECK(set.comm(1, 1).empty());
  CHECK(set.pid_of(5) == 5);
}

TEST_CASE("an address that no file explains is told as a number") {
  SymbolStore store;
  ImageTimeline images;
  images.sections = {section(0, 0x1000, "/usr/lib/libx.so.1")};
  Locator locator(store, images);
  CHECK(describe(locator.at(0x9000, 0), 0x9000) == "0x9000");
  CHECK(describe(locator.at(0x1010, 0), 0x1010) == "libx.so.1+0x10");
  CHECK(locator.at(0x1010, 0).function() == "[libx.so.1]");
}

TEST_CASE("a locator forgets what a later mapping replaced") {
  SymbolStore store;
  ImageTimeline images;
  images.sections = {section(0, 0x1000, "one"), section(50, 0x1000, "two")};
  Locator locator(store, images);
  CHECK(locator.at(0x1000, 10).object() == "one");
  CHECK_FALSE(locator.stale(49));
  CHECK(locator.stale(50));
  locator.advance(60);
  CHECK(locator.at(0x1000, 60).object() == "two");
  CHECK_FALSE(locator.stale(70));
}
