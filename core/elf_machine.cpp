// SPDX-License-Identifier: MIT
#include "core/elf_machine.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cstdlib>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

namespace tracectl {
namespace {

bool runnable(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

// The first 256 bytes, which is all of an ELF header and all that the kernel reads of `#!`.
std::string read_head(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!file) return {};
  std::array<char, 256> bytes{};
  const size_t n = std::fread(bytes.data(), 1, bytes.size(), file.get());
  return {bytes.data(), n};
}

uint16_t machine_of(const std::string& head) {
  if (head.size() < 20 || head.compare(0, 4,
                                       "\x7f"
                                       "ELF") != 0)
    return 0;
  const auto byte = [&](size_t i) { return static_cast<uint16_t>(static_cast<unsigned char>(head[i])); };
  const bool little = head[5] == 1;  // EI_DATA
  return little ? static_cast<uint16_t>(byte(18) | byte(19) << 8) : static_cast<uint16_t>(byte(19) | byte(18) << 8);
}

// "#! /usr/bin/env python3" -> "/usr/bin/env"; empty when there is none.
std::string interpreter_of(const std::string& head) {
  if (head.compare(0, 2, "#!") != 0) return {};
  const size_t begin = head.find_first_not_of(" \t", 2);
  if (begin == std::string::npos) return {};
  return head.substr(begin, head.find_first_of(" \t\r\n", begin) - begin);
}

}  // namespace

std::string search_path() {
  const char* path = std::getenv("PATH");
  return path == nullptr ? "/usr/bin:/bin" : path;
}

Result<std::string> find_command(const std::string& command, std::string_view search_path) {
  if (command.empty()) return fail("cannot run an empty command");
  if (command.find('/') != std::string::npos) {
    if (runnable(command)) return command;
    return fail_errno(fmt::format("cannot run {}", command), "give the path of an executable file");
  }
  for (size_t begin = 0; begin <= search_path.size();) {
    const size_t end = std::min(search_path.find(':', begin), search_path.size());
    const std::string dir(search_path.substr(begin, end - begin));
    std::string path = (dir.empty() ? "." : dir) + "/" + command;
    if (runnable(path)) return path;
    begin = end + 1;
  }
  return fail(fmt::format("cannot run {}: not found in PATH", command), fmt::format("for a file here, write ./{}", command));
}

Result<ProgramFacts> read_program(const std::string& command, std::string_view search_path) {
  auto path = find_command(command, search_path);
  if (!path) return tl::unexpected<Error>(path.error());
  ProgramFacts facts;
  facts.path = *path;
  std::string current = *path;
  for (int depth = 0; depth < 5; ++depth) {
    const std::string head = read_head(current);
    facts.elf_machine = machine_of(head);
    const std::string next = interpreter_of(head);
    if (facts.elf_machine != 0 || next.empty()) break;
    facts.interpreter = current = next;
  }
  return facts;
}

}  // namespace tracectl
