// SPDX-License-Identifier: MIT
#include "core/capture/kernel_image.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/capture/kallsyms.hpp"

using namespace tracectl;
using namespace tracectl::capture;
namespace fs = std::filesystem;

namespace {

constexpr uint64_t kText = 0xffffffff81000000, kModule = 0xffffffffc0200000;

const std::string kKallsyms =
    "ffffffff81000000 T _text\n"
    "ffffffff81000000 T _stext\n"
    "ffffffff81000100 t do_one_thing\n"
    "ffffffff81001800 T _etext\n"
    "ffffffff82000000 D jiffies\n"
    "ffffffffc0200000 t ext4_map\t[ext4]\n"
    "ffffffffc0201010 t ext4_end\t[ext4]\n"
    "ffffffffc0202000 d ext4_data\t[ext4]\n"
    "ffffffffc0300000 t kprobe_insn_page\t[__builtin__kprobes]\n"
    "ffffffffc0500000 t bpf_prog_1\t[bpf]\n";
const std::string kModules =
    "ext4 16384 1 - Live 0xffffffffc0200000\n"
    "hidden 4096 0 - Live 0x0000000000000000\n";
const std::vector<CoreSegment> kCore = {{0xffffffff80000000, 0x40000000, 0x1000, true},
                                        {0xffffffffc0000000, 0x10000000, 0x40001000, true}};

fs::path fresh_directory() {
  std::string name = (fs::temp_directory_path() / "tracectl-proc-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  return name;
}

struct Tree {
  fs::path root = fresh_directory();
  ~Tree() { fs::remove_all(root); }
  void write(const char* name, const std::string& text) const { std::ofstream(root / name, std::ios::binary) << text; }
  [[nodiscard]] std::string text(const char* name) const {
    std::ifstream in(root / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

// A /proc whose kcore has two pages of text and four of a module, each filled with its own letter.
void write_proc(const Tree& tree) {
  const std::vector<CoreSegment> core = {{kText, 0x2000, 0x1000, true}, {kModule, 0x4000, 0x3000, true}};
  std::string bytes = core_head(core, 62);
  for (const char c : {'a', 'b', 'm', 'n', 'o', 'p'}) bytes += std::string(0x1000, c);
  tree.write("kcore", bytes);
  tree.write("kallsyms", kKallsyms);
  tree.write("modules", kModules);
}

}  // namespace

TEST_CASE("the kernel's text, its modules' text and made code are copied, data and BPF are not") {
  const auto ranges = kernel_text_ranges(kCore, kKallsyms, kModules);
  REQUIRE(ranges.size() == 3);
  CHECK(ranges[0].address == kText);
  CHECK(ranges[0].size == 0x2000);
  CHECK(ranges[1].address == kModule);
  CHECK(ranges[1].size == 0x2000);  // up to ext4_data
  CHECK(ranges[2].address == 0xffffffffc0300000);
  CHECK(ranges[2].size == 0x1000);
}

TEST_CASE("ranges that kcore does not hold are left out") {
  const std::vector<CoreSegment> text_only = {kCore[0]};
  const auto ranges = kernel_text_ranges(text_only, kKallsyms, kModules);
  REQUIRE(ranges.size() == 1);
  CHECK(ranges[0].address == kText);
  CHECK(kernel_text_ranges({}, kKallsyms, kModules).empty());
}

TEST_CASE("lists that say nothing, or nonsense, give no ranges") {
  const std::string hidden = "0000000000000000 T _stext\n0000000000000000 T _etext\n";
  for (const std::string& text :
       {std::string(), hidden, std::string("\0\xff\n\n[[[ T\n", 9), std::string("ffffffff81000000 T _stext"),
        std::string("ffffffff81000000 T _etext\nffffffff82000000 T _stext\n")}) {
    CHECK(kernel_text_ranges(kCore, text, kModules).empty());
    CHECK(kernel_mappings(text, kModules).empty());
  }
  CHECK(parse_modules("ext4\next4 x y z\next4 1 2 3 Live 0xfffffffffffffffff\n a 18446744073709551615 0 - Live 0xff00\n")
            .empty());
}

TEST_CASE("the records say where the kernel and its modules lie") {
  const auto mappings = kernel_mappings(kKallsyms, kModules);
  REQUIRE(mappings.size() == 2);
  CHECK(mappings[0].name == "[kernel.kallsyms]_text");
  CHECK(mappings[0].address == kText);
  CHECK(mappings[0].file_offset == kText);
  CHECK(mappings[0].size == 0x1800);
  CHECK(mappings[1].name == "[ext4]");
  CHECK(mappings[1].address == kModule);
  CHECK(mappings[1].size == 0x4000);
}

TEST_CASE("a copy holds the bytes at their addresses") {
  const Tree proc, capture;
  write_proc(proc);
  const auto image = copy_kernel_image(capture.root.string(), proc.root.string());
  REQUIRE(image);
  CHECK(image->bytes == 0x4000);  // the page of kprobes is in no segment
  CHECK(image->mappings.size() == 2);
  CHECK(capture.text("kcore_dir/kallsyms") == kKallsyms);
  CHECK(capture.text("kcore_dir/modules") == kModules);
  const std::string copy = capture.text("kcore_dir/kcore");
  const std::string path = (capture.root / "kcore_dir/kcore").string();
  std::FILE* file = std::fopen(path.c_str(), "rb");
  REQUIRE(file != nullptr);
  const auto segments = read_core_segments(Fd(::dup(::fileno(file))), path);
  std::fclose(file);
  REQUIRE(segments);
  REQUIRE(segments->size() == 2);
  CHECK(segments->at(0).executable);
  CHECK(copy.substr(segments->at(0).offset, 0x2000) == std::string(0x1000, 'a') + std::string(0x1000, 'b'));
  CHECK(segments->at(1).address == kModule);
  CHECK(copy.substr(segments->at(1).offset) == std::string(0x1000, 'm') + std::string(0x1000, 'n'));
}

TEST_CASE("a failed copy says why, and leaves nothing") {
  const Tree proc, capture;
  const std::string where = capture.root.string(), from = proc.root.string();
  auto none = copy_kernel_image(where, from);
  REQUIRE_FALSE(none);
  CHECK(none.error().message().find("kcore") != std::string::npos);
  write_proc(proc);
  proc.write("kallsyms", "0000000000000000 T _stext\n");
  auto hidden = copy_kernel_image(where, from);
  REQUIRE_FALSE(hidden);
  CHECK(hidden.error().hint.find("kptr_restrict") != std::string::npos);
  proc.write("kcore", "no core");
  CHECK_FALSE(copy_kernel_image(where, from));
  CHECK(fs::is_empty(capture.root));
  CHECK_FALSE(copy_kernel_image(where + "/absent", from));
}

TEST_CASE("a core file cut at any byte of its head is an error or has its segments") {
  const Tree proc;
  write_proc(proc);
  const std::string whole = proc.text("kcore").substr(0, 0x200);
  for (size_t size = 0; size < whole.size(); ++size) {
    proc.write("kcore", whole.substr(0, size));
    const std::string path = (proc.root / "kcore").string();
    std::FILE* file = std::fopen(path.c_str(), "rb");
    REQUIRE(file != nullptr);
    const auto segments = read_core_segments(Fd(::dup(::fileno(file))), path);
    std::fclose(file);
    CHECK(segments.has_value() == (size >= 64 + 2 * 56));
  }
}
