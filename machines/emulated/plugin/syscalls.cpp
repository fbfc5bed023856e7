// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/syscalls.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "machines/emulated/plugin/blocks.hpp"
#include "machines/emulated/plugin/exec.hpp"
#include "machines/emulated/plugin/flow.hpp"
#include "machines/emulated/plugin/guest_memory.hpp"
#include "machines/emulated/plugin/output.hpp"
#include "machines/emulated/plugin/program.hpp"
#include "machines/emulated/plugin/triggers.hpp"

namespace tracectl::plugin {
namespace {

constexpr int64_t kSigreturnDone = -513;  // QEMU's own: registers are restored, no value returned

// Where descriptor `fd` leads, without " (deleted)" games: the link's text.
bool path_of(int fd, char* out, size_t size) {
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const int saved = errno;
  const ssize_t n = readlink(link, out, size - 1);
  errno = saved;
  if (n <= 0) return false;
  out[n] = 0;
  return out[0] == '/';
}

void after_mmap(ThreadState* s, const uint64_t* a, int64_t ret) {
  const auto prot = static_cast<uint32_t>(a[2]), flags = static_cast<uint32_t>(a[3]);
  if (ret < 0 && ret > -4096) return;
  if ((prot & PROT_EXEC) == 0 || (flags & MAP_ANONYMOUS) != 0) return;
  char path[PATH_MAX];
  if (!path_of(static_cast<int>(a[4]), path, sizeof path)) return;
  const uint64_t size = (a[1] + 4095) & ~4095ull;
  map_code(s, static_cast<uint64_t>(ret), size, a[5], path, prot, flags);
}

// Memory becomes code late: which files lie there, the host's map can tell (only its
// permissions are not the guest's).
void after_mprotect(ThreadState* s, const uint64_t* a, int64_t ret) {
  if (ret != 0 || (a[2] & PROT_EXEC) == 0) return;
  const uint64_t begin = a[0], end = a[0] + ((a[1] + 4095) & ~4095ull);
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return;
  char line[PATH_MAX + 128];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long from = 0, to = 0, offset = 0;
    int name = 0;
    if (std::sscanf(line, "%lx-%lx %*s %lx %*s %*s %n", &from, &to, &offset, &name) < 3) continue;
    if (to <= begin || from >= end || name == 0 || line[name] != '/') continue;
    line[std::strcspn(line, "\n")] = 0;
    const uint64_t low = from > begin ? from : begin, high = to < end ? to : end;
    map_code(s, low, high - low, offset + (low - from), line + name, PROT_READ | PROT_EXEC, MAP_PRIVATE);
  }
  std::fclose(maps);
}

// struct kernel_sigaction of x86-64: handler, flags, restorer, mask.
void after_sigaction(const uint64_t* a, int64_t ret) {
  if (ret != 0 || a[0] == 0 || a[0] > 64 || a[1] == 0) return;
  const std::lock_guard lock(g.mutex);
  auto& h = g.handlers[a[0]];
  h.handler = load64(a[1]);
  h.restorer = load64(a[1] + 16);
  if (h.handler > 1) mark_handler(h.handler);
}

}  // namespace

void on_syscall(qemu_plugin_id_t, unsigned, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
                uint64_t a6, uint64_t, uint64_t) {
  ThreadState* s = tls_state;
  if (s == nullptr) return;
  Thread* t = thread_of(s);
  const uint64_t args[6] = {a1, a2, a3, a4, a5, a6};
  std::memcpy(t->syscall_args, args, sizeof args);
  if (s->enabled != 0) disable_at(s, 0);
  if (g.any_syscall_trigger && !t->dead) hit_syscall(s, number, args, nullptr);
  switch (number) {
    case SYS_execve:
      replace_program(s, AT_FDCWD, a1, a2, a3, 0);
      break;
    case SYS_execveat:
      replace_program(s, static_cast<int>(a1), a2, a3, a4, static_cast<int>(a5));
      break;
    case SYS_exit_group:
      s->group_exit.store(1);
      [[fallthrough]];
    case SYS_exit:
      finish_thread(s);
      break;
    default:
      break;
  }
}

void on_syscall_return(qemu_plugin_id_t, unsigned, int64_t number, int64_t ret) {
  ThreadState* s = tls_state;
  if (s == nullptr) {  // a forked child comes back from fork
    if (!g.started) return;
    s = start_forked();
  }
  const Thread* t = thread_of(s);
  switch (number) {
    case SYS_mmap:
      after_mmap(s, t->syscall_args, ret);
      break;
    case SYS_mprotect:
      after_mprotect(s, t->syscall_args, ret);
      break;
    case SYS_rt_sigaction:
      after_sigaction(t->syscall_args, ret);
      break;
    case SYS_prctl:
      if (t->syscall_args[0] == 15 && ret == 0) rename_thread(s, guest_pointer<const char>(t->syscall_args[1]), false);
      break;
    default:
      break;
  }
  if (g.any_syscall_trigger && !t->dead && ret != kSigreturnDone) hit_syscall(s, number, t->syscall_args, &ret);
}

}  // namespace tracectl::plugin
