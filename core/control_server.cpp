// SPDX-License-Identifier: MIT
#include "core/control_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iterator>
#include <utility>

#include "core/clock.hpp"
#include "core/control_address.hpp"

namespace tracectl {
namespace {

constexpr size_t kMostClients = 16;
constexpr unsigned kMostInATick = 32;  // accepted; the others wait in the kernel's queue
constexpr int kBacklog = 16;
constexpr uint64_t kPatience = 2'000'000'000;  // ns: to say what is wanted, or to take the answer

// The kernel looks at the file's mode; this one is for a file that somebody opened to others.
bool trusted(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

}  // namespace

ControlServer::ControlServer(const ResolvedPlan& plan, capture::Writer& writer, Session& session)
    : plan_(plan), writer_(writer), session_(session), began_(monotonic_ns()) {}

ControlServer::~ControlServer() { close(); }

Result<> ControlServer::listen(ControlHandlers handlers) {
  handlers_ = std::move(handlers);
  const std::string place = writer_.directory() + "/" + kControlName;
  Fd directory(open(writer_.directory().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fail_errno("opening " + writer_.directory());
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The mode before the bind is the file's from its first moment. Source: net/unix/af_unix.c, unix_bind_bsd.
  if (!fd || fchmod(fd.get(), 0600) != 0) return fail_errno("making the control socket " + place);
  const ControlAddress address(directory.get());
  if (bind(fd.get(), address.get(), address.size()) != 0 || ::listen(fd.get(), kBacklog) != 0)
    return fail_errno("listening on " + place, "the session runs; tracectl ctl cannot reach it");
  directory_ = std::move(directory);
  listener_ = std::move(fd);
  watch_listener();
  return {};
}

void ControlServer::watch_listener() {
  session_.watch(listener_.get(), [this] { return accept_one(); });
}

bool ControlServer::accept_one() {
  Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  rests_ = ++accepted_ >= kMostInATick;
  if (rests_) session_.forget(listener_.get());
  if (!fd) return !rests_;
  Client c{std::move(fd), monotonic_ns(), {}, {}, {}, {}};
  if (!trusted(c.fd.get()))
    c.out = error_answer({ErrorKind::failed, "this session is another user's", "ask as that user, or as root"});
  else if (clients_.size() >= kMostClients)
    c.out = error_answer({ErrorKind::failed, fmt::format("{} clients are being served", kMostClients), "try again"});
  if (!c.out.empty()) {
    (void)flush(c);
    return !rests_;
  }
  const uint64_t number = next_++;
  const int watched = c.fd.get();
  clients_.emplace(number, std::move(c));
  session_.watch(watched, [this, number] { return read_from(number); });
  return !rests_;
}

bool ControlServer::read_from(uint64_t number) {
  const auto it = clients_.find(number);
  if (it == clients_.end()) return false;
  Client& c = it->second;
  char bytes[kLongestRequest];
  const ssize_t n = recv(c.fd.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (n <= 0) {
    drop(number);
    return false;
  }
  c.in.append(bytes, static_cast<size_t>(n));
  const size_t end = c.in.find('\n');
  if (end == std::string::npos && c.in.size() < kLongestRequest) return true;
  session_.forget(c.fd.get());  // one request: what comes behind it is not read
  take(c, c.in.substr(0, end));
  if (!flush(c)) drop(number);
  return false;
}

void ControlServer::take(Client& c, const std::string& line) {
  const auto command = parse_request(line);
  if (command)
    answer(c, *command);
  else
    c.out = error_answer(command.error());
}

void ControlServer::answer(Client& c, ControlCommand command) {
  c.command = command;
  switch (command) {
    case ControlCommand::status:
      c.out = status();
      return;
    case ControlCommand::pause:
    case ControlCommand::resume:
      return await(c, handlers_.act(command == ControlCommand::pause ? Action::pause : Action::resume));
    case ControlCommand::snapshot:
      if (plan_.buffer.mode == BufferMode::ring) return await(c, handlers_.snapshot());
      c.out = error_answer({ErrorKind::usage, "mode = \"full\" keeps everything: there is nothing to snapshot",
                            "for snapshots, run with mode = \"ring\" in [buffer]"});
      return;
    case ControlCommand::stop:
      c.out = done_answer(command, {0, 0, writer_.aux_bytes()});
      session_.stop("tracectl ctl stop");
      return;
  }
}

void ControlServer::await(Client& c, Result<ControlLater> later) {
  if (!later) {
    c.out = error_answer(later.error());
    return;
  }
  if (c.command != ControlCommand::snapshot) by_hand_ = c.command;
  c.later = std::move(*later);
  settle(c);
}

void ControlServer::settle(Client& c) {
  const auto done = c.later();
  if (!done) return;
  c.later = {};
  c.out = done_answer(*c.command, *done);
}

bool ControlServer::flush(Client& c) {
  if (c.out.empty()) return true;
  const ssize_t n = send(c.fd.get(), c.out.data(), c.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  c.out.erase(0, static_cast<size_t>(n));
  return !c.out.empty();
}

void ControlServer::drop(uint64_t number) {
  const auto it = clients_.find(number);
  session_.forget(it->second.fd.get());
  clients_.erase(it);
}

std::string ControlServer::status() const {
  SessionStatus s;
  s.machine = name_of(plan_.machine);
  s.mode = name_of(plan_.buffer.mode);
  s.time = monotonic_ns() - began_;
  s.trace_bytes = writer_.aux_bytes();
  s.file_bytes = writer_.bytes();
  s.loss = writer_.loss();
  s.by_hand = by_hand_;
  handlers_.status(s);
  return status_answer(s);
}

void ControlServer::tick() {
  if (!listener_) return;
  accepted_ = 0;
  if (std::exchange(rests_, false)) watch_listener();
  for (auto it = clients_.begin(); it != clients_.end();) {
    const uint64_t number = it->first;
    Client& c = (it++)->second;
    if (c.later) settle(c);
    if (!flush(c) || monotonic_ns() - c.since > kPatience) drop(number);
  }
}

void ControlServer::close() {
  if (!listener_) return;
  while (!clients_.empty()) drop(clients_.begin()->first);
  session_.forget(listener_.get());
  listener_.reset();
  unlinkat(directory_.get(), kControlName, 0);
}

}  // namespace tracectl
