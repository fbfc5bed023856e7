// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/link.hpp"

#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "machines/emulated/plugin/guest.hpp"

namespace tracectl::plugin {

using namespace emulated;

int32_t gettid_now() { return static_cast<int32_t>(syscall(SYS_gettid)); }

void futex_wait(std::atomic<uint32_t>& word, uint32_t value, unsigned timeout_ms) {
  const timespec t{timeout_ms / 1000, static_cast<long>(timeout_ms % 1000) * 1000000};
  syscall(SYS_futex, &word, FUTEX_WAIT, value, &t, nullptr, 0);
}

void futex_wake(std::atomic<uint32_t>& word) { syscall(SYS_futex, &word, FUTEX_WAKE, 1 << 30, nullptr, nullptr, 0); }

void ring_doorbell() {
  // seq_cst on both words pairs with the launcher's waits-then-look: either it sees the new
  // value, or we see it waiting.
  g.session->doorbell.fetch_add(1);
  if (g.session->launcher_waits.load() != 0) futex_wake(g.session->doorbell);
}

namespace {

// Requests run on guest threads: errno belongs to QEMU's emulation of the program.
class KeepErrno {
 public:
  KeepErrno() : saved_(errno) {}
  ~KeepErrno() { errno = saved_; }
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;

 private:
  int saved_;
};

int connect_launcher() {
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(g.socket);
  std::memcpy(address.sun_path + 1, g.socket, length);  // abstract: a leading NUL
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length);
  int rc = 0;
  do {
    rc = connect(fd, reinterpret_cast<sockaddr*>(&address), size);
  } while (rc != 0 && errno == EINTR);
  if (rc == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// A launcher that was killed listens no more, even while its process is not yet reaped or its
// id has gone to another. When the answer is not certain (no descriptor left), it counts as alive.
bool launcher_listens() {
  const int fd = connect_launcher();
  const bool refused = fd < 0 && errno == ECONNREFUSED;
  if (fd >= 0) close(fd);
  return !refused;
}

ssize_t receive_reply(int fd, void* buffer, size_t size, int* memory) {
  iovec io{buffer, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n = 0;
  do {
    n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  const cmsghdr* c = n > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (c != nullptr && c->cmsg_type == SCM_RIGHTS) std::memcpy(memory, CMSG_DATA(c), sizeof(int));
  return n;
}

// One request, one reply. Returns the reply's size, or -1.
ssize_t exchange(const void* request, size_t request_size, void* reply, size_t reply_size, int* memory) {
  const int fd = connect_launcher();
  if (fd < 0) return -1;
  ssize_t n = 0;
  do {
    n = send(fd, request, request_size, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) n = receive_reply(fd, reply, reply_size, memory);
  close(fd);
  return n;
}

RequestHeader header(Request what) { return {what, kProtocolVersion, static_cast<int32_t>(getpid()), gettid_now()}; }

// The AUX ring, mapped twice in a row.
uint8_t* map_aux(int fd, const ThreadState& s, uint64_t area, uint64_t size) {
  void* room = mmap(nullptr, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return nullptr;
  auto* at = static_cast<char*>(room);
  if (map_aux_ring(fd, s, area, size, at) && map_aux_ring(fd, s, area, size, at + size)) return static_cast<uint8_t*>(room);
  munmap(room, 2 * size);
  return nullptr;
}

Thread* map_thread(int fd, const ThreadReply& reply) {
  auto* t = new Thread;
  t->map_size = kPageSize + reply.data_size + kStateSize;
  t->map = mmap(nullptr, t->map_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  const auto state_at = kPageSize + reply.data_size;
  uint8_t* aux = nullptr;
  if (t->map != MAP_FAILED)
    aux = map_aux(fd, *reinterpret_cast<ThreadState*>(static_cast<char*>(t->map) + state_at), t->map_size, reply.aux_size);
  if (aux == nullptr) {
    if (t->map != MAP_FAILED) munmap(t->map, t->map_size);
    delete t;
    return nullptr;
  }
  auto* base = static_cast<uint8_t*>(t->map);
  t->page = reinterpret_cast<perf_event_mmap_page*>(base);
  t->data = base + kPageSize;
  t->data_size = reply.data_size;
  t->aux_size = reply.aux_size;
  t->state = reinterpret_cast<ThreadState*>(base + kPageSize + reply.data_size);
  t->state->ring().base = aux;
  t->state->ring().mask = reply.aux_size - 1;
  t->state->owner = t;
  t->pid = getpid();
  t->tid = gettid_now();
  g.guest->attached(t->state, t->tid);
  return t;
}

}  // namespace

bool session_alive() {
  const KeepErrno keep;
  if (g.session->stop.load(std::memory_order_relaxed) != 0) return false;
  const auto pid = static_cast<pid_t>(g.session->launcher_pid.load(std::memory_order_relaxed));
  return (kill(pid, 0) == 0 || errno != ESRCH) && launcher_listens();
}

bool say_hello() {
  const KeepErrno keep;
  HelloRequest request{header(Request::hello), g.exec ? 1u : 0u};
  std::vector<char> buffer(kMaxMessage);
  int memory = -1;
  const ssize_t n = exchange(&request, sizeof request, buffer.data(), buffer.size(), &memory);
  if (n < static_cast<ssize_t>(sizeof(HelloReply)) || memory < 0) return false;
  std::memcpy(&g.config, buffer.data(), sizeof g.config);
  const auto& c = g.config;
  const size_t triggers = c.trigger_count * sizeof(WireTrigger), filters = c.filter_count * sizeof(FilterOp);
  if (c.version != kProtocolVersion || static_cast<size_t>(n) != sizeof c + triggers + filters + c.pool_size) return false;
  const char* at = buffer.data() + sizeof c;
  g.triggers.resize(c.trigger_count);
  g.filters.resize(c.filter_count);
  std::memcpy(static_cast<void*>(g.triggers.data()), at, triggers);
  std::memcpy(static_cast<void*>(g.filters.data()), at + triggers, filters);
  g.pool.assign(at + triggers + filters, at + triggers + filters + c.pool_size);
  void* page = mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  close(memory);
  if (page == MAP_FAILED) return false;
  g.session = static_cast<SessionPage*>(page);
  return true;
}

Thread* request_thread(ThreadOrigin origin, int32_t parent_pid, int32_t parent_tid) {
  const KeepErrno keep;
  const ThreadRequest request{header(Request::thread), origin, parent_pid, parent_tid};
  ThreadReply reply{};
  int memory = -1;
  const ssize_t n = exchange(&request, sizeof request, &reply, sizeof reply, &memory);
  Thread* t = nullptr;
  if (n == sizeof reply && memory >= 0 && reply.refused == 0) t = map_thread(memory, reply);
  if (memory >= 0) close(memory);
  return t;
}

void release_thread(Thread* t) {
  const KeepErrno keep;
  munmap(t->state->ring().base, 2 * t->aux_size);
  munmap(t->map, t->map_size);
  delete t;
}

bool ask_module(const char* path, Module& out) {
  const KeepErrno keep;
  ModuleRequest request{header(Request::module), {}};
  std::strncpy(request.path, path, sizeof request.path - 1);
  std::vector<char> buffer(kMaxMessage);
  int memory = -1;
  const ssize_t n = exchange(&request, sizeof request, buffer.data(), buffer.size(), &memory);
  if (memory >= 0) close(memory);
  if (n < static_cast<ssize_t>(sizeof(ModuleReply))) return false;
  ModuleReply reply{};
  std::memcpy(&reply, buffer.data(), sizeof reply);
  if (static_cast<size_t>(n) != sizeof reply + reply.count * sizeof(WireSite) || reply.build_id_size > 20) return false;
  out.sites.resize(reply.count);
  std::memcpy(out.sites.data(), buffer.data() + sizeof reply, reply.count * sizeof(WireSite));
  out.build_id_size = static_cast<uint8_t>(reply.build_id_size);
  out.code_offset = reply.code_offset;
  std::memcpy(out.build_id, reply.build_id, sizeof out.build_id);
  return true;
}

CodeRoom request_code_room(char (&path)[kMaxPath]) {
  const KeepErrno keep;
  const CodeRequest request{header(Request::code)};
  CodeReply reply{};
  int memory = -1;
  const ssize_t n = exchange(&request, sizeof request, &reply, sizeof reply, &memory);
  CodeRoom out;
  if (n == sizeof reply && memory >= 0) {
    void* map = mmap(nullptr, reply.size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, static_cast<off_t>(reply.offset));
    if (map != MAP_FAILED) out = {static_cast<uint8_t*>(map), reply.offset, reply.size};
    std::memcpy(path, reply.path, sizeof path);
  }
  if (memory >= 0) close(memory);
  return out;
}

}  // namespace tracectl::plugin
