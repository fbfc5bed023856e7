// SPDX-License-Identifier: MIT
#include "decode/kernel.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "decode/locate.hpp"

using namespace tracectl;
using namespace tracectl::decode;
namespace fs = std::filesystem;

namespace {

constexpr uint64_t kText = 0xffffffff81000000, kModule = 0xffffffffc0200000;
const std::vector<capture::CoreSegment> kCore = {{kModule, 0x1000, 0x3000, true}, {kText, 0x2000, 0x1000, true}};
const std::string kKallsyms =
    "ffffffff81000000 T _stext\n"
    "ffffffff81000000 T startup_64\n"
    "ffffffff81000100 t __inner\n"
    "ffffffff81000100 t inner\n"
    "ffffffff81000100 T __inner_global\n"
    "ffffffff81000180 d not_code\n"
    "ffffffff81001f00 t last\n"
    "ffffffff82000000 T elsewhere\n"
    "ffffffffc0200010 t ext4_map\t[ext4]\n";

fs::path fresh_directory() {
  std::string name = (fs::temp_directory_path() / "tracectl-kernel-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  return name;
}

struct Capture {
  fs::path root = fresh_directory();
  ~Capture() { fs::remove_all(root); }
  void make(const std::string& name, const std::string& kcore, const std::string& kallsyms) const {
    fs::create_directory(root / name);
    std::ofstream(root / name / "kcore", std::ios::binary) << kcore;
    std::ofstream(root / name / "kallsyms", std::ios::binary) << kallsyms;
  }
};

std::string core_file() {
  std::vector<capture::CoreSegment> segments = kCore;
  return capture::core_head(segments, 62) + std::string(0x3000, '\x90');
}

}  // namespace

TEST_CASE("kallsyms gives functions with sizes, by file offset") {
  const auto symbols = kernel_symbols(kKallsyms, kCore);
  REQUIRE(symbols.size() == 4);
  CHECK(symbols[0].name == "startup_64");
  CHECK(symbols[0].file_offset == 0x1000);
  CHECK(symbols[0].size == 0x100);
  CHECK(symbols[1].name == "__inner_global");
  CHECK(symbols[1].size == 0x80);  // to the data behind it
  CHECK(symbols[2].name == "last");
  CHECK(symbols[2].size == 0x100);  // to the end of its segment
  CHECK(symbols[3].name == "ext4_map [ext4]");
  CHECK(symbols[3].file_offset == 0x3010);
}

TEST_CASE("garbage in kallsyms is passed over") {
  CHECK(kernel_symbols("", kCore).empty());
  CHECK(kernel_symbols(std::string("\0\n\xff\xff T\nffffffff81000000\nffffffff81000000 T\nzz T f\n", 43), kCore).empty());
  CHECK(kernel_symbols("0000000000000000 T f\n", kCore).empty());
  CHECK(kernel_symbols(kKallsyms, {}).empty());
}

TEST_CASE("the newest kcore_dir is taken, the one without a time first") {
  const Capture capture;
  const std::string root = capture.root.string();
  CHECK(find_kcore("").empty());
  CHECK(find_kcore(root).empty());
  CHECK(find_kcore(root + "/absent").empty());
  capture.make("kcore_dir__2026010100000000", core_file(), kKallsyms);
  capture.make("kcore_dir__2026020200000000", core_file(), kKallsyms);
  CHECK(find_kcore(root) == root + "/kcore_dir__2026020200000000/kcore");
  capture.make("kcore_dir", core_file(), kKallsyms);
  CHECK(find_kcore(root) == root + "/kcore_dir/kcore");
}

TEST_CASE("kernel addresses are located in every program and in none") {
  const Capture capture;
  capture.make("kcore_dir", core_file(), kKallsyms);
  ImageSet set;
  set.add_section(7, {1, 0x1000, 0x1000, 0, "", "app", ""});
  set.add_kernel(kernel_sections(find_kcore(capture.root.string())));
  SymbolStore store;
  Locator locator(store, set.at(7, 5));
  CHECK(locator.at(0x1800, 5).object() == "app");
  CHECK(describe(locator.at(kText + 0x110, 5), kText + 0x110) == "__inner_global+0x10");
  CHECK(locator.at(kText + 0x110, 5).object() == kKernelName);
  CHECK(locator.at(kModule + 0x10, 5).function() == "ext4_map [ext4]");
  CHECK(locator.at(kText + 0x1000, 5).function() == kKernelName);  // between functions: data was there
  CHECK(locator.code(kText, 5).size() == 0x2000);
  locator.use(set.at(0, 5));
  CHECK(locator.at(0x1800, 5).section == nullptr);
  CHECK(locator.at(kText + 0x110, 5).at_entry() == false);
  CHECK(locator.at(kText + 0x100, 5).at_entry());
}

TEST_CASE("a kcore cut anywhere gives fewer bytes, never a crash") {
  const Capture capture;
  const std::string whole = core_file();
  for (size_t size = 0; size < whole.size(); size += size < 0x200 ? 1 : 0x333) {
    capture.make("kcore_dir", whole.substr(0, size), kKallsyms);
    ImageSet set;
    set.add_kernel(kernel_sections(find_kcore(capture.root.string())));
    SymbolStore store;
    Locator locator(store, set.at(1, 0));
    CHECK(locator.code(kText, 0).size() <= size);
    (void)locator.at(kModule + 0x20, 0).function();
  }
}
