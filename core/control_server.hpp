// SPDX-License-Identifier: MIT
// ControlServer: a session's control socket, CAPTURE/control. It lives in the session's loop and
// never waits: what a client does not send or take in time is dropped with the client.
//
// Order: listen() once the capture's directory is there; close() when the session's loop is over,
//        which removes the socket's file. Between them tick() behind every drain.
// Errors: listen() says why there is no socket; the session does well without.
// Source: unix(7); SO_PEERCRED.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "core/capture/writer.hpp"
#include "core/control.hpp"
#include "core/fd.hpp"
#include "core/resolved_plan.hpp"
#include "core/session.hpp"

namespace tracectl {

// Asked at once and then behind every drain, until it has an answer.
using ControlLater = std::function<std::optional<ControlDone>()>;

// The machine's side.
struct ControlHandlers {
  std::function<void(SessionStatus&)> status;       // adds threads, windows, snapshots and its own losses
  std::function<Result<ControlLater>(Action)> act;  // pause or resume: every thread, and those to come
  std::function<Result<ControlLater>()> snapshot;   // mode = ring only
};

class ControlServer {
 public:
  ControlServer(const ResolvedPlan& plan, capture::Writer& writer, Session& session);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  Result<> listen(ControlHandlers handlers);
  void tick();
  void close();

 private:
  struct Client {
    Fd fd;
    uint64_t since = 0;  // ns, monotonic
    std::string in, out;
    std::optional<ControlCommand> command;
    ControlLater later;
  };
  void watch_listener();
  bool accept_one();
  bool read_from(uint64_t number);
  void take(Client& c, const std::string& line);
  void answer(Client& c, ControlCommand command);
  void await(Client& c, Result<ControlLater> later);
  void settle(Client& c);
  bool flush(Client& c);  // false: the client is served, or gone
  void drop(uint64_t number);
  [[nodiscard]] std::string status() const;

  const ResolvedPlan& plan_;
  capture::Writer& writer_;
  Session& session_;
  ControlHandlers handlers_;
  Fd directory_, listener_;
  std::map<uint64_t, Client> clients_;  // by number, in the order in which they came
  uint64_t next_ = 0, began_ = 0;
  unsigned accepted_ = 0;  // since the last tick
  bool rests_ = false;     // enough for this tick
  std::optional<ControlCommand> by_hand_;
};

}  // namespace tracectl
