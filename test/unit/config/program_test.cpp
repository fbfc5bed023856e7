// SPDX-License-Identifier: MIT
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/elf_machine.hpp"

using namespace tracectl;
namespace fs = std::filesystem;

namespace {

// A directory of its own for each test, gone afterwards.
class Scratch {
 public:
  Scratch() {
    char name[] = "/tmp/tracectl-test-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    dir_ = name;
  }
  ~Scratch() { fs::remove_all(dir_); }
  std::string file(const std::string& name, const std::string& bytes, mode_t mode = 0755) const {
    const std::string path = dir_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    ::chmod(path.c_str(), mode);
    return path;
  }
  const std::string& dir() const { return dir_; }

 private:
  std::string dir_;
};

std::string elf_header(uint8_t machine, bool little = true) {
  std::string head(64, '\0');
  head.replace(0, 4,
               "\x7f"
               "ELF");
  head[5] = little ? 1 : 2;
  head[little ? 18 : 19] = static_cast<char>(machine);
  return head;
}

}  // namespace

TEST_CASE("the ELF machine of a program is read, in either byte order") {
  const Scratch scratch;
  scratch.file("x86", elf_header(62));
  scratch.file("big", elf_header(20, false));
  CHECK(read_program("x86", scratch.dir())->elf_machine == kElfX86_64);
  CHECK(read_program(scratch.dir() + "/big", "")->elf_machine == 20);
}

TEST_CASE("a script is what its interpreter is") {
  const Scratch scratch;
  const std::string interpreter = scratch.file("interp", elf_header(183));
  const std::string inner = scratch.file("inner", "#!" + interpreter + "\n");
  scratch.file("outer", "#! " + inner + " -x\n");
  const auto facts = read_program("outer", scratch.dir());
  REQUIRE(facts.has_value());
  CHECK(facts->path == scratch.dir() + "/outer");
  CHECK(facts->interpreter == interpreter);
  CHECK(facts->elf_machine == kElfAArch64);
}

TEST_CASE("the first executable file on the path wins") {
  const Scratch first, second;
  first.file("tool", "text", 0644);
  second.file("tool", elf_header(62));
  CHECK(*find_command("tool", first.dir() + ":" + second.dir()) == second.dir() + "/tool");
}

TEST_CASE("a command that is not there is an error that says so") {
  CHECK(find_command("nosuchcommand", "/nonexistent").error().what == "cannot run nosuchcommand: not found in PATH");
  CHECK(find_command("/nonexistent/x", "").error().what == "cannot run /nonexistent/x: No such file or directory");
}

TEST_CASE("an interpreter loop ends") {
  const Scratch scratch;
  const std::string path = scratch.dir() + "/loop";
  scratch.file("loop", "#!" + path + "\n");
  CHECK(read_program(path, "")->elf_machine == 0);
}
