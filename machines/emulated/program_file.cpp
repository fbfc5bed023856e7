// SPDX-License-Identifier: MIT
#include "machines/emulated/program_file.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

namespace tracectl::emulated {
namespace {

constexpr int kMaxScripts = 5;       // BINPRM_MAX_RECURSION: a script whose interpreter is a script
constexpr size_t kScriptLine = 256;  // BINPRM_BUF_SIZE

bool changes_identity(const struct stat& st) {
  return ((st.st_mode & S_ISUID) != 0 && st.st_uid != geteuid()) || ((st.st_mode & S_ISGID) != 0 && st.st_gid != getegid());
}

ProgramKind kind_of_elf(const unsigned char* head, ssize_t n, uint16_t elf_machine) {
  Elf64_Ehdr e{};
  if (n < static_cast<ssize_t>(sizeof e)) return ProgramKind::foreign;
  std::memcpy(&e, head, sizeof e);
  const bool ours = e.e_ident[EI_CLASS] == ELFCLASS64 && e.e_ident[EI_DATA] == ELFDATA2LSB && e.e_machine == elf_machine;
  return ours && (e.e_type == ET_EXEC || e.e_type == ET_DYN) ? ProgramKind::traceable : ProgramKind::foreign;
}

// "#! interpreter [one argument]": the script's path takes argv[0]'s place.
bool rewrite_script(Command& c, const unsigned char* head, ssize_t n) {
  const std::string line(reinterpret_cast<const char*>(head) + 2, static_cast<size_t>(n - 2));
  const size_t end = line.find('\n');
  if (end == std::string::npos && n == kScriptLine) return false;
  const auto blank = " \t";
  const std::string text = line.substr(0, end);
  const size_t a = text.find_first_not_of(blank);
  if (a == std::string::npos) return false;
  const size_t b = text.find_first_of(blank, a);
  const std::string interpreter = text.substr(a, b == std::string::npos ? b : b - a);
  std::vector<std::string> rest;
  const size_t x = b == std::string::npos ? b : text.find_first_not_of(blank, b);
  if (x != std::string::npos) rest.push_back(text.substr(x, text.find_last_not_of(blank) - x + 1));
  rest.push_back(c.file);
  rest.insert(rest.end(), c.rest.begin(), c.rest.end());
  c = {interpreter, c.name, interpreter, std::move(rest)};
  return true;
}

}  // namespace

ProgramKind prepare_program(Command& c, uint16_t elf_machine) {
  if (c.name.empty()) c.name = c.file;
  for (int depth = 0; depth <= kMaxScripts; ++depth) {
    struct stat st {};
    if (stat(c.file.c_str(), &st) != 0 || !S_ISREG(st.st_mode) || access(c.file.c_str(), X_OK) != 0)
      return ProgramKind::refused;
    if (changes_identity(st)) return ProgramKind::foreign;
    const int fd = open(c.file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return ProgramKind::foreign;  // may be executed, may not be read
    unsigned char head[kScriptLine] = {};
    const ssize_t n = read(fd, head, sizeof head);
    close(fd);
    if (n >= 4 && std::memcmp(head, ELFMAG, SELFMAG) == 0) return kind_of_elf(head, n, elf_machine);
    if (n < 3 || head[0] != '#' || head[1] != '!' || !rewrite_script(c, head, n)) return ProgramKind::refused;
  }
  return ProgramKind::refused;
}

namespace {
// The last part of a path, with commas as QEMU's option lists want them.
std::string comm_option(const std::string& name) {
  std::string out;
  for (const char ch : name.substr(name.rfind('/') + 1)) out += ch == ',' ? ",," : std::string(1, ch);
  return out;
}
}  // namespace

std::vector<std::string> qemu_arguments(const QemuStart& start, const Command& c) {
  const bool looks_like_option = !c.file.empty() && c.file[0] == '-';
  std::vector<std::string> out = {start.qemu, "-plugin", start.plugin + ",comm=" + comm_option(c.name)};
  if (!start.sysroot.empty()) out.insert(out.end(), {"-L", start.sysroot});
  out.insert(out.end(), {"-0", c.argv0, looks_like_option ? "./" + c.file : c.file});
  out.insert(out.end(), c.rest.begin(), c.rest.end());
  return out;
}

std::vector<char*> exec_pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (auto& s : strings) out.push_back(s.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace tracectl::emulated
