// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/syscalls.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "machines/emulated/plugin/blocks.hpp"
#include "machines/emulated/plugin/code.hpp"
#include "machines/emulated/plugin/exec.hpp"
#include "machines/emulated/plugin/flow.hpp"
#include "machines/emulated/plugin/guest_memory.hpp"
#include "machines/emulated/plugin/output.hpp"
#include "machines/emulated/plugin/program.hpp"
#include "machines/emulated/plugin/threads.hpp"
#include "machines/emulated/plugin/translation.hpp"
#include "machines/emulated/plugin/triggers.hpp"
#include "machines/emulated/plugin/watch.hpp"

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

uint64_t page_round(uint64_t size) { return (size + 4095) & ~4095ull; }

// Does `path` lead to the very file that is open as `fd`? Not when it was deleted, or is no file.
bool is_file(const char* path, int fd) {
  struct stat named {
  }, opened{};
  const int saved = errno;
  const bool same = stat(path, &named) == 0 && fstat(fd, &opened) == 0 && S_ISREG(named.st_mode) &&
                    named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
  errno = saved;
  return same;
}

void after_mmap(ThreadState* s, const uint64_t* a, int64_t ret) {
  const auto prot = static_cast<uint32_t>(a[2]), flags = static_cast<uint32_t>(a[3]);
  if (ret < 0 && ret > -4096) return;
  const uint64_t address = static_cast<uint64_t>(ret), size = page_round(a[1]);
  memory_changed(address, address + size);
  forget_sites(address, address + size);
  if ((prot & PROT_EXEC) == 0 || (flags & MAP_ANONYMOUS) != 0) return;
  char path[PATH_MAX];
  if (!path_of(static_cast<int>(a[4]), path, sizeof path)) return;
  const bool file = (prot & PROT_WRITE) == 0 && (flags & MAP_TYPE) == MAP_PRIVATE && is_file(path, static_cast<int>(a[4]));
  map_code(s, address, size, a[5], path, prot, flags, file);
}

void after_munmap(uint64_t address, uint64_t size) {
  memory_changed(address, address + size);
  forget_sites(address, address + size);
  if (g.watched_accesses != 0) drop_watches(address, address + size);
}

// mremap: what lay at the old place lies at the new one, but which file that was is not followed.
void after_mremap(const uint64_t* a, int64_t ret) {
  if (ret < 0 && ret > -4096) return;
  memory_changed(a[0], a[0] + page_round(a[1]));
  forget_sites(a[0], a[0] + page_round(a[1]));
  memory_changed(static_cast<uint64_t>(ret), static_cast<uint64_t>(ret) + page_round(a[2]));
}

// Pages of a file in memory that could have been written: those that still are as in the file.
void map_unchanged(ThreadState* s, uint64_t low, uint64_t high, uint64_t offset, const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  static constexpr uint64_t kPage = 4096;
  char there[kPage] = {}, here[kPage] = {};
  const auto unchanged = [&](uint64_t at) {
    const ssize_t n = pread(fd, there, kPage, static_cast<off_t>(offset + (at - low)));
    if (n <= 0 || !read_guest(at, here, kPage)) return false;
    std::memset(there + n, 0, kPage - static_cast<size_t>(n));
    return std::memcmp(there, here, kPage) == 0;
  };
  for (uint64_t at = low; at < high;) {
    uint64_t end = at;
    while (end < high && unchanged(end)) end += kPage;
    if (end > at) map_code(s, at, end - at, offset + (at - low), path, PROT_READ | PROT_EXEC, MAP_PRIVATE, true);
    at = end + kPage;
  }
  close(fd);
}

// Memory becomes code late: which files lie there, the host's map can tell (only its
// permissions are not the guest's).
void after_mprotect(ThreadState* s, const uint64_t* a, int64_t ret) {
  if (ret != 0 || (a[2] & (PROT_EXEC | PROT_WRITE)) == 0) return;
  const uint64_t begin = a[0], end = a[0] + page_round(a[1]);
  if ((a[2] & PROT_WRITE) != 0) return code_writable(begin, end);
  const int saved = errno;
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return;
  char line[PATH_MAX + 128];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long from = 0, to = 0, offset = 0;
    char shared = 0;
    int name = 0;
    if (std::sscanf(line, "%lx-%lx %*3c%c %lx %*s %*s %n", &from, &to, &shared, &offset, &name) < 4) continue;
    if (to <= begin || from >= end || name == 0 || line[name] != '/' || shared != 'p') continue;
    line[std::strcspn(line, "\n")] = 0;
    const uint64_t low = from > begin ? from : begin, high = to < end ? to : end;
    map_unchanged(s, low, high, offset + (low - from), line + name);
  }
  std::fclose(maps);
  errno = saved;
}

// struct kernel_sigaction of x86-64 and of arm64: handler, flags, restorer, mask.
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
  if (s->watch_hits != 0) hit_watches_inside(s, static_cast<const Block*>(s->previous), ~0ull);
  if (s->enabled != 0) disable_at(s, 0, Stop::call);
  obey_if_asked(s, 0);
  if (g.any_syscall_trigger && !t->dead) hit_syscall(s, number, args, nullptr);
  switch (const Call call = g.guest->call_of(number)) {
    case Call::execve:
      replace_program(s, AT_FDCWD, a1, a2, a3, 0);
      break;
    case Call::execveat:
      replace_program(s, static_cast<int>(a1), a2, a3, a4, static_cast<int>(a5));
      break;
    case Call::clone:
      if (makes_thread(a1))
        before_thread(s);
      else
        finish_translation_change();
      break;
    case Call::fork:
      finish_translation_change();
      break;
    case Call::exit_group:
      s->group_exit.store(1);
      [[fallthrough]];
    case Call::exit:
      finish_thread(s);
      if (call == Call::exit) thread_goes();
      if (call == Call::exit_group) program_ends();
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
  obey_if_asked(s, 0);
  switch (g.guest->call_of(number)) {
    case Call::mmap:
      after_mmap(s, t->syscall_args, ret);
      break;
    case Call::munmap:
      if (ret == 0) after_munmap(t->syscall_args[0], page_round(t->syscall_args[1]));
      break;
    case Call::mremap:
      after_mremap(t->syscall_args, ret);
      break;
    case Call::mprotect:
      after_mprotect(s, t->syscall_args, ret);
      break;
    case Call::clone:
      if (ret < 0 && makes_thread(t->syscall_args[0])) thread_did_not_come();
      break;
    case Call::rt_sigaction:
      after_sigaction(t->syscall_args, ret);
      break;
    case Call::prctl:
      if (t->syscall_args[0] == 15 && ret == 0) rename_thread(s, guest_pointer<const char>(t->syscall_args[1]), false);
      break;
    default:
      break;
  }
  if (g.any_syscall_trigger && !t->dead && ret != kSigreturnDone) hit_syscall(s, number, t->syscall_args, &ret);
}

}  // namespace tracectl::plugin
