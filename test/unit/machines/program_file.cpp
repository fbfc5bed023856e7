// SPDX-License-Identifier: MIT
// What execve would run: scripts, ELF files, what is refused.
#include "machines/emulated/program_file.hpp"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>

using namespace tracectl::emulated;

namespace {

class Files {
 public:
  Files() {
    char name[] = "/tmp/tracectl-program-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    directory_ = name;
  }
  ~Files() { (void)!std::system(("rm -rf " + directory_).c_str()); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  std::string add(const std::string& name, const std::string& bytes, mode_t mode = 0755) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    chmod(path.c_str(), mode);
    return path;
  }

 private:
  std::string directory_;
};

std::string elf(uint16_t machine, uint8_t bits = ELFCLASS64) {
  Elf64_Ehdr e{};
  std::memcpy(e.e_ident, ELFMAG, SELFMAG);
  e.e_ident[EI_CLASS] = bits;
  e.e_ident[EI_DATA] = ELFDATA2LSB;
  e.e_type = ET_DYN;
  e.e_machine = machine;
  return {reinterpret_cast<const char*>(&e), sizeof e};
}

Command command(const std::string& file, std::vector<std::string> rest = {}) {
  Command c;
  c.file = c.name = c.argv0 = file;
  c.rest = std::move(rest);
  return c;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("An x86-64 ELF file is traceable as it is") {
  Files files;
  Command c = command(files.add("app", elf(EM_X86_64)), {"a"});
  const std::string path = c.file;
  REQUIRE(prepare_program(c, EM_X86_64) == ProgramKind::traceable);
  REQUIRE(c.file == path);
  REQUIRE(c.rest == Words{"a"});
}

TEST_CASE("ELF files of other machines are foreign") {
  Files files;
  Command arm = command(files.add("arm", elf(EM_AARCH64))), i386 = command(files.add("i386", elf(EM_386, ELFCLASS32)));
  REQUIRE(prepare_program(arm, EM_X86_64) == ProgramKind::foreign);
  REQUIRE(prepare_program(i386, EM_X86_64) == ProgramKind::foreign);
}

TEST_CASE("A script is its interpreter with one argument and the script's path") {
  Files files;
  const std::string app = files.add("app", elf(EM_X86_64));
  const std::string script = files.add("script", "#! " + app + "  one argument \t\nbody\n");
  Command c = command(script, {"x", "y"});
  REQUIRE(prepare_program(c, EM_X86_64) == ProgramKind::traceable);
  REQUIRE(c.file == app);
  REQUIRE(c.argv0 == app);
  REQUIRE(c.rest == Words{"one argument", script, "x", "y"});
}

TEST_CASE("A script keeps its own name as the task's") {
  Files files;
  Command c = command(files.add("script", "#!" + files.add("app", elf(EM_X86_64)) + "\n"));
  const std::string name = c.name;
  REQUIRE(prepare_program(c, EM_X86_64) == ProgramKind::traceable);
  REQUIRE(c.name == name);
}

TEST_CASE("A script of a script is followed; a loop of scripts is refused") {
  Files files;
  const std::string app = files.add("app", elf(EM_X86_64));
  const std::string inner = files.add("inner", "#!" + app + " -i\n");
  const std::string outer = files.add("outer", "#!" + inner + " -o\n");
  Command c = command(outer, {"x"});
  REQUIRE(prepare_program(c, EM_X86_64) == ProgramKind::traceable);
  REQUIRE(c.file == app);
  REQUIRE(c.rest == Words{"-i", inner, "-o", outer, "x"});
  Command loop = command(files.add("loop", "#!" + inner.substr(0, inner.rfind('/')) + "/loop\n"));
  REQUIRE(prepare_program(loop, EM_X86_64) == ProgramKind::refused);
}

TEST_CASE("What execve refuses is refused") {
  Files files;
  Command text = command(files.add("text", "words\n")), empty = command(files.add("empty", ""));
  Command mode = command(files.add("mode", elf(EM_X86_64), 0644)), none = command("/no/such/file"),
          directory = command("/tmp");
  Command orphan = command(files.add("orphan", "#!/no/such/interpreter\n")), bare = command(files.add("bare", "#!\n"));
  for (Command* c : {&text, &empty, &mode, &none, &directory, &orphan, &bare}) {
    INFO(c->file);
    CHECK(prepare_program(*c, EM_X86_64) == ProgramKind::refused);
  }
}

TEST_CASE("QEMU's arguments name plugin, argv[0] and file, in this order") {
  Command c = command("/bin/app", {"-x", "y"});
  c.argv0 = "app";
  const Words words = qemu_arguments({"/usr/bin/qemu", "p.so,socket=s", ""}, c);
  REQUIRE(words.size() == 8);
  REQUIRE(words[0] == "/usr/bin/qemu");
  REQUIRE(words[1] == "-plugin");
  REQUIRE(words[2].rfind("p.so,socket=s", 0) == 0);
  REQUIRE(Words(words.begin() + 3, words.end()) == Words{"-0", "app", "/bin/app", "-x", "y"});
}

TEST_CASE("A file that looks like an option of QEMU is given as a path") {
  const Words words = qemu_arguments({"qemu", "p", ""}, command("-static"));
  REQUIRE(words.back() == "./-static");
}
