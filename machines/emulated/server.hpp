// SPDX-License-Identifier: MIT
// The launcher's side of protocol.hpp: answers the plugin's requests and keeps the buffers of
// every traced thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/control.hpp"
#include "core/session.hpp"
#include "core/symbol_finder.hpp"
#include "machines/emulated/buffers.hpp"
#include "machines/emulated/code_images.hpp"
#include "machines/emulated/launcher.hpp"

namespace tracectl::emulated {

class Server {
 public:
  Server(const ResolvedPlan& plan, const HostFacts& host, const RunOptions& options, const ModuleFinder& modules,
         capture::Writer& writer, Session& session);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Listens on an abstract socket and makes the session page.
  Result<> open();
  [[nodiscard]] std::string plugin_option() const;
  [[nodiscard]] SessionPage& page() const { return *page_; }
  [[nodiscard]] bool said_hello() const { return said_hello_; }
  [[nodiscard]] size_t live_processes() const { return processes_.size(); }
  [[nodiscard]] size_t live_threads() const { return threads_.size(); }

  // Threads that said they are done: their buffers go back.
  void reap_done();
  // [limits] windows is reached and none is open.
  [[nodiscard]] bool windows_done() const;
  // Ring mode: every thread's ring is kept as it is now; false in full mode, where nothing needs to be.
  bool ask_snapshot();
  // Threads that did not answer (blocked, or paused) are served from outside.
  void settle_snapshots();
  // A pause or resume by hand (tracectl ctl), of every thread and of those to come: how many were asked.
  uint64_t ask_all(Action action);
  // [collect]: traces nothing from now on, or goes on. A pause by hand stays one.
  void turn(bool on);
  // Every thread that runs has paused since, and handed over what it traced.
  [[nodiscard]] bool all_paused() const;
  void on_first_thread(std::function<void()> fn) { first_thread_ = std::move(fn); }
  // Threads that have not done it yet; asks them again.
  uint64_t ask_again();
  [[nodiscard]] bool snapshot_settled() const { return snapshot_deadline_ == 0; }
  void tell(SessionStatus& status) const;
  // The session ends: what is left is drained and completed as it stands.
  void finish_all();
  // Fills in what the server knows.
  void report(Outcome& out) const;

 private:
  uint64_t ask();
  bool accept_one();
  void answer(int fd, int32_t peer);
  std::string hello(const HelloRequest& request, int32_t peer, int* memory);
  std::string thread(const ThreadRequest& request, int32_t peer, int* memory);
  std::string module(const ModuleRequest& request) const;
  std::string code(int* memory);
  void follow_process(int32_t pid, int32_t peer);
  void finish_process(int32_t pid);
  void finish_thread(uint32_t idx, bool crashed);
  [[nodiscard]] uint64_t aux_size_wanted() const;  // were there room for all
  [[nodiscard]] uint64_t aux_size_for_next() const;
  // Where the trace of a thread begins: an idx, stream positions of the unit's bytes and of frames.
  struct Place {
    uint32_t idx = 0;
    uint64_t begin = 0, framed = 0;
  };
  Place place_of(int32_t pid, int32_t tid);
  [[nodiscard]] bool trusted(int fd, int32_t& peer_pid) const;

  const ResolvedPlan& plan_;
  const HostFacts& host_;
  const RunOptions& options_;
  const ModuleFinder& modules_;
  capture::Writer& writer_;
  Session& session_;
  CodeImages code_;
  Fd listener_, page_memory_;
  SessionPage* page_ = nullptr;
  std::string name_;
  bool said_hello_ = false;
  uint32_t next_idx_ = 0, hands_ = 0;
  bool hand_paused_ = false, between_periods_ = false;
  std::function<void()> first_thread_;
  uint64_t smaller_buffers_ = 0, split_windows_ = 0;
  uint64_t snapshot_deadline_ = 0;  // ns, monotonic; 0: none is asked for
  std::set<int32_t> exited_;        // processes that ended in the ordinary way
  std::map<uint32_t, std::unique_ptr<ThreadBuffers>> threads_;
  std::map<int32_t, Fd> processes_;  // pid → pidfd
  std::vector<ThreadFacts> finished_;
  std::map<std::pair<int32_t, int32_t>, Place> ends_;  // pid, tid → the end of its stream
};

}  // namespace tracectl::emulated
