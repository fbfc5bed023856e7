// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/exec.hpp"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "machines/emulated/plugin/flow.hpp"
#include "machines/emulated/plugin/guest_memory.hpp"
#include "machines/emulated/plugin/program.hpp"
#include "machines/emulated/program_file.hpp"

namespace tracectl::plugin {

using namespace emulated;

namespace {

std::vector<std::string> guest_strings(uint64_t address) {
  std::vector<std::string> out;
  if (address == 0) return out;
  for (uint64_t p = 0; (p = load64(address)) != 0; address += 8) out.emplace_back(guest_pointer<const char>(p));
  return out;
}

// The path that execveat means, "" when it cannot be told.
std::string resolve_path(int dirfd, const char* path, int flags) {
  if ((flags & ~AT_EMPTY_PATH) != 0) return {};
  if (path[0] == '/' || dirfd == AT_FDCWD) return path;
  char link[64], directory[PATH_MAX];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
  const ssize_t n = readlink(link, directory, sizeof directory - 1);
  if (n <= 0) return {};
  directory[n] = 0;
  if (path[0] != 0) return std::string(directory) + "/" + path;
  return (flags & AT_EMPTY_PATH) != 0 ? directory : std::string();
}

std::string plugin_option(const ThreadState* s) {
  std::string plugin = std::string(g.config.plugin) + ",socket=" + g.socket +
                       ",exec=1,paused=" + (s->paused != 0 ? "1" : "0") + ",hand=" + std::to_string(s->obeyed);
  if (g.log[0] != 0) plugin += std::string(",log=") + g.log;
  return plugin;
}

}  // namespace

void replace_program(ThreadState* s, int dirfd, uint64_t path, uint64_t argv, uint64_t envp, int flags) {
  if (path == 0 || g.config.follow == 0 || g.session->stop.load(std::memory_order_relaxed) != 0) return;
  const int saved = errno;
  auto arguments = guest_strings(argv);
  Command c{resolve_path(dirfd, guest_pointer<const char>(path), flags), "", arguments.empty() ? "" : arguments[0], {}};
  if (!arguments.empty()) c.rest.assign(arguments.begin() + 1, arguments.end());
  const ProgramKind kind = c.file.empty() ? ProgramKind::refused : prepare_program(c, g.guest->elf_machine);
  if (kind == ProgramKind::foreign) g.session->untraced_execs.fetch_add(1);
  if (kind == ProgramKind::traceable) {
    auto strings = qemu_arguments({g.config.qemu, plugin_option(s), g.config.sysroot}, c);
    auto environment = guest_strings(envp);
    const auto pointers_argv = exec_pointers(strings), pointers_env = exec_pointers(environment);
    leave_program(s);
    execve(g.config.qemu, pointers_argv.data(), pointers_env.data());
    // Only a machine out of memory gets here: QEMU's own execve reports it; this thread stays dark.
  }
  errno = saved;
}

}  // namespace tracectl::plugin
