// SPDX-License-Identifier: MIT
// Threads: one group for each thread of a session, wherever it runs, with the window each is in.
//
// Errors: a group that cannot be opened is the caller's to report; what was open before stays.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "machines/kernel/groups.hpp"
#include "machines/kernel/rings.hpp"

namespace tracectl::kernel {

class Threads : public Groups {
 public:
  Threads(const GroupPlan& shared, capture::Writer& writer, Session& session);
  ~Threads() override;

  // Opens a group for the thread, with these members; starts it, or lets its next exec do that.
  Result<> begin(int32_t pid, int32_t tid, const std::vector<Place>& places, bool on_exec);
  // More members for every thread of the process.
  Result<> place(int32_t pid, const std::vector<Place>& places);
  // The process became another program: thread `former` goes on as `pid`, the others are gone. False: it has no group any
  // more, for the new program has other rights.
  bool replace(int32_t pid, int32_t former);
  // The thread is gone: what its rings hold is written. `crashed`: by a signal.
  void end(int32_t tid, bool crashed = false);

  void keep_all() override;
  void keep_asked() override;
  Result<uint64_t> act_all(Action action) override;
  Result<> hold(bool off) override;
  void tell(SessionStatus& status) const override;
  void end_all() override;
  [[nodiscard]] size_t size() const override { return running_.size(); }
  [[nodiscard]] uint64_t windows() const override { return windows_; }
  [[nodiscard]] bool any_open() const override;
  [[nodiscard]] const Result<>& failed() const override { return rings_.failed(); }
  void report(RunOutcome& out) const override;
  [[nodiscard]] uint64_t sideband_id() const override { return rings_.sideband_id(); }

 private:
  void hit(Ring& ring, uint32_t trigger);
  [[nodiscard]] uint64_t aux_size() const;

  const GroupPlan& shared_;
  Rings rings_;
  std::map<int32_t, std::unique_ptr<Ring>> running_;  // by tid
  std::vector<ThreadFacts> ended_;
  std::optional<Action> by_hand_;
  bool held_ = false;
  uint64_t windows_ = 0, smaller_ = 0, split_ = 0;
};

}  // namespace tracectl::kernel
