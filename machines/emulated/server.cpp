// SPDX-License-Identifier: MIT
#include "machines/emulated/server.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <random>

#include "core/buffer_share.hpp"
#include "core/clock.hpp"
#include "machines/emulated/wire.hpp"

namespace tracectl::emulated {
namespace {

constexpr int kRequestTimeoutMs = 1000;
constexpr uint64_t kSnapshotWaitNs = 100 * 1000 * 1000;

bool send_reply(int fd, const std::string& reply, int memory) {
  iovec io{const_cast<char*>(reply.data()), reply.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr m{};
  m.msg_iov = &io;
  m.msg_iovlen = 1;
  if (memory >= 0) {
    m.msg_control = control;
    m.msg_controllen = sizeof control;
    cmsghdr* c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(c), &memory, sizeof(int));
  }
  return sendmsg(fd, &m, MSG_NOSIGNAL) == static_cast<ssize_t>(reply.size());
}

template <class T>
bool take(const std::vector<char>& message, ssize_t n, T& out) {
  if (n != static_cast<ssize_t>(sizeof out)) return false;
  std::memcpy(&out, message.data(), sizeof out);
  return true;
}

}  // namespace

Server::Server(const ResolvedPlan& plan, const HostFacts& host, const RunOptions& options, const ModuleFinder& modules,
               capture::Writer& writer, Session& session)
    : plan_(plan),
      host_(host),
      options_(options),
      modules_(modules),
      writer_(writer),
      session_(session),
      code_(writer.directory()) {}

Server::~Server() {
  if (page_ != nullptr) munmap(page_, kPageSize);
}

Result<> Server::open() {
  page_memory_ = Fd(memfd_create("tracectl-session", MFD_CLOEXEC));
  if (!page_memory_ || ftruncate(page_memory_.get(), kPageSize) != 0) return fail_errno("making the session page");
  void* map = mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, page_memory_.get(), 0);
  if (map == MAP_FAILED) return fail_errno("mapping the session page");
  page_ = static_cast<SessionPage*>(map);
  page_->launcher_pid = static_cast<uint32_t>(getpid());
  std::random_device random;
  name_ = fmt::format("tracectl-{}-{:08x}{:08x}", getpid(), random(), random());
  listener_ = Fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name_.data(), name_.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name_.size());
  if (!listener_ || bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_.get(), 512) != 0)
    return fail_errno("listening on the abstract socket @" + name_);
  session_.watch(listener_.get(), [this] { return accept_one(); });
  return {};
}

std::string Server::plugin_option() const {
  std::string out = host_.plugin_path + ",socket=" + name_;
  if (!options_.test_log.empty()) out += ",log=" + options_.test_log;
  return out;
}

bool Server::accept_one() {
  const Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  int32_t peer = 0;
  if (fd && trusted(fd.get(), peer)) answer(fd.get(), peer);
  return true;
}

// Anybody may connect to an abstract socket: only our own user's processes are served, and
// for root those that run our QEMU (a traced program may give up its rights).
bool Server::trusted(int fd, int32_t& peer_pid) const {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  peer_pid = peer.pid;
  if (peer.uid == geteuid()) return true;
  char exe[PATH_MAX] = {}, qemu[PATH_MAX] = {};
  const bool known = readlink(fmt::format("/proc/{}/exe", peer.pid).c_str(), exe, sizeof exe - 1) > 0 &&
                     realpath(qemu_for(plan_.backend, host_).path.c_str(), qemu) != nullptr;
  return known && std::strcmp(exe, qemu) == 0;
}

void Server::answer(int fd, int32_t peer) {
  pollfd ready{fd, POLLIN, 0};
  if (poll(&ready, 1, kRequestTimeoutMs) != 1) return;
  std::vector<char> message(sizeof(ModuleRequest));
  const ssize_t n = recv(fd, message.data(), message.size(), MSG_TRUNC);
  RequestHeader h{};
  if (n < static_cast<ssize_t>(sizeof h) || n > static_cast<ssize_t>(message.size())) return;
  std::memcpy(&h, message.data(), sizeof h);
  std::string reply;
  int memory = -1;
  HelloRequest hello_request{};
  ThreadRequest thread_request{};
  ModuleRequest module_request{};
  CodeRequest code_request{};
  if (h.version == kProtocolVersion && h.what == Request::hello && take(message, n, hello_request))
    reply = hello(hello_request, peer, &memory);
  else if (h.version == kProtocolVersion && h.what == Request::thread && take(message, n, thread_request))
    reply = thread(thread_request, peer, &memory);
  else if (h.version == kProtocolVersion && h.what == Request::module && take(message, n, module_request))
    reply = module(module_request);
  else if (h.version == kProtocolVersion && h.what == Request::code && take(message, n, code_request))
    reply = code(&memory);
  if (!reply.empty()) send_reply(fd, reply, memory);
  for (const auto& [idx, t] : threads_)
    if (memory >= 0 && t->memory() == memory) t->forget_memory();
}

std::string Server::hello(const HelloRequest& request, int32_t peer, int* memory) {
  said_hello_ = true;
  if (request.exec != 0) finish_process(request.h.pid);  // the threads of the program before are gone
  follow_process(request.h.pid, peer);
  *memory = page_memory_.get();
  return hello_reply(plan_, host_, options_.test_idle);
}

uint64_t Server::aux_size_wanted() const {
  const uint64_t sink = plan_.coresight.sink_size;
  return sink != 0 ? std::min(plan_.buffer.aux_size, sink) : plan_.buffer.aux_size;
}

// A thread whose buffer is small waits more often, and loses nothing.
uint64_t Server::aux_size_for_next() const {
  uint64_t used = 0;
  for (const auto& [idx, t] : threads_) used += t->aux_size();
  return std::min(next_aux_size(plan_.buffer, used), aux_size_wanted());
}

// A program in another's place goes on with its thread's stream: perf tells CoreSight's trace apart by thread and position.
Server::Place Server::place_of(int32_t pid, int32_t tid) {
  const auto ended = ends_.find({pid, tid});
  return plan_.backend == BackendKind::coresight && ended != ends_.end() ? ended->second : Place{next_idx_++, 0, 0};
}

std::string Server::thread(const ThreadRequest& request, int32_t peer, int* memory) {
  reap_done();
  follow_process(request.h.pid, peer);
  const uint64_t aux_size = aux_size_for_next();
  const Place place = place_of(request.h.pid, request.h.tid);
  ThreadReply reply{place.idx, 0, plan_.buffer.data_size, aux_size};
  auto made = ThreadBuffers::create(place.idx, request.h.pid, request.h.tid, plan_.buffer.data_size, aux_size,
                                    plan_.buffer.pages == BufferPages::scatter, aux_format(plan_));
  if (!made) reply.refused = 1;
  if (made) {
    if (aux_size < aux_size_wanted()) ++smaller_buffers_;
    auto buffers = std::make_unique<ThreadBuffers>(std::move(*made));
    buffers->begin_at(place.begin, place.framed);
    Channel channel = buffers->channel();
    channel.space_given = [b = buffers.get()] { b->wake(); };
    if (plan_.coresight.formatted)
      channel.bounce = [this, b = buffers.get()](const auto& records, const auto& trace) {
        return b->bounce(writer_, records, trace);
      };
    session_.add(std::move(channel));
    *memory = buffers->memory();
    threads_.emplace(place.idx, std::move(buffers));
    if (first_thread_) std::exchange(first_thread_, {})();
  }
  return {reinterpret_cast<const char*>(&reply), sizeof reply};
}

std::string Server::module(const ModuleRequest& request) const {
  const std::string path(request.path, strnlen(request.path, sizeof request.path));
  return module_reply(modules_ ? modules_(path) : ModuleAnswer{});
}

std::string Server::code(int* memory) {
  CodeReply reply{};
  if (!code_.grow(reply.offset, reply.size)) return {};  // the plugin stores nothing: counted when it is decoded
  *memory = code_.file();
  std::strncpy(reply.path, code_.path().c_str(), sizeof reply.path - 1);
  return {reinterpret_cast<const char*>(&reply), sizeof reply};
}

// `pid` is what the program knows, and the records say; `peer` is the same process in our
// own pid namespace.
void Server::follow_process(int32_t pid, int32_t peer) {
  if (processes_.count(pid) != 0) return;
  Fd fd(static_cast<int>(syscall(SYS_pidfd_open, peer, 0)));
  if (!fd) return;
  session_.watch(fd.get(), [this, pid] {
    finish_process(pid);
    processes_.erase(pid);
    return false;
  });
  processes_.emplace(pid, std::move(fd));
}

void Server::finish_process(int32_t pid) {
  std::vector<uint32_t> theirs;
  for (const auto& [idx, t] : threads_)
    if (t->pid() == pid) theirs.push_back(idx);
  // One thread's exit_group ends them all; a signal leaves none that said so.
  for (const uint32_t idx : theirs)
    if (threads_.at(idx)->state().group_exit.load() != 0) exited_.insert(pid);
  const bool crashed = exited_.erase(pid) == 0;
  for (const uint32_t idx : theirs) finish_thread(idx, crashed);
}

void Server::finish_thread(uint32_t idx, bool crashed) {
  const auto it = threads_.find(idx);
  ThreadBuffers& t = *it->second;
  session_.remove(idx);
  const ThreadState& s = t.state();
  const bool said = s.done.load() != 0;
  ThreadFacts facts{t.pid(), t.tid(), idx, t.traced(), s.windows, in_window(s), s.overflows, s.snapshots, !said};
  if (s.group_exit.load() != 0) exited_.insert(t.pid());
  const auto& buffer = plan_.buffer;
  const bool keep =
      buffer.mode == BufferMode::full || buffer.keep_end || (buffer.keep_crash && crashed) || s.snapshot_asked.load() != 0;
  if (!said) (void)t.complete(writer_, keep);  // a writer that fails says so again at the next drain
  ends_[{t.pid(), t.tid()}] = {idx, t.end(), t.framed_end()};
  facts.snapshots += !said && keep && buffer.mode == BufferMode::ring ? 1 : 0;
  finished_.push_back(facts);
  threads_.erase(it);
}

void Server::reap_done() {
  std::vector<uint32_t> done;
  for (const auto& [idx, t] : threads_)
    if (t->state().done.load() != 0) done.push_back(idx);
  for (const uint32_t idx : done) finish_thread(idx, false);
}

bool Server::windows_done() const {
  if (!plan_.limits.windows || page_->windows.load() < *plan_.limits.windows) return false;
  for (const auto& [idx, t] : threads_)
    if (in_window(t->state())) return false;
  return true;
}

bool Server::ask_snapshot() {
  if (plan_.buffer.mode != BufferMode::ring) return false;
  for (const auto& [idx, t] : threads_) {
    t->state().snapshot_asked.store(1);
    t->state().ring().limit = 0;  // so that it looks at its next packet; it may miss this, and is then served below
  }
  snapshot_deadline_ = monotonic_ns() + kSnapshotWaitNs;
  return true;
}

void Server::settle_snapshots() {
  if (snapshot_deadline_ == 0 || monotonic_ns() < snapshot_deadline_) return;
  snapshot_deadline_ = 0;
  for (const auto& [idx, t] : threads_)
    if (t->state().snapshot_asked.exchange(0) != 0) (void)t->keep_now(writer_);  // a writer that fails says so again
}

void Server::finish_all() {
  settle_snapshots();
  for (const auto& [idx, t] : threads_) {
    const ThreadState& s = t->state();
    // A program that lives goes on with what its window is about; one that ended left it open.
    if (in_window(s) && s.done.load() == 0 && kill(t->pid(), 0) == 0) ++split_windows_;
  }
  while (!threads_.empty()) finish_thread(threads_.begin()->first, false);
}

void Server::report(Outcome& out) const {
  out.traced = said_hello_;
  out.threads = finished_;
  for (const auto& t : finished_) {
    out.snapshots += t.snapshots;
    out.overflows += t.overflows;
  }
  out.untraced_execs = page_->untraced_execs;
  out.untraced_threads = page_->untraced_threads;
  out.missed_returns = page_->missed_returns;
  out.unexplained = page_->unexplained;
  out.split_windows = split_windows_ + page_->cut_windows;
  out.translations = page_->translations;
  out.smaller_buffers = smaller_buffers_;
  for (size_t i = 0; i < plan_.triggers.size() && i < std::size(page_->hits); ++i) out.hits.push_back(page_->hits[i]);
}

}  // namespace tracectl::emulated
