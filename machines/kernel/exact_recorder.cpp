// SPDX-License-Identifier: MIT
#include "machines/kernel/exact_recorder.hpp"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>

#include "machines/kernel/clock.hpp"
#include "machines/kernel/places.hpp"
#include "machines/kernel/running.hpp"

namespace tracectl::kernel {

ExactRecorder::ExactRecorder(const GroupPlan& shared, const ModuleFinder& modules, capture::Writer& writer,
                             const RunOptions& options)
    : Recording(shared, modules, writer, options), threads_(shared, writer, session_) {
  tracees_.tell(events());
}

ExactRecorder::~ExactRecorder() { tracees_.release(); }

TraceeEvents ExactRecorder::events() {
  TraceeEvents e;
  e.began = [this](pid_t pid, pid_t tid) { began(pid, tid); };
  e.replaced = [this](pid_t pid, pid_t former) { replaced(pid, former); };
  e.loaded = [this](pid_t pid) { place_what_is_mapped(pid); };
  e.snapshot = [this] { session_.drain(); };
  e.gone = [this](pid_t tid, int status) { gone(tid, status); };
  return e;
}

void ExactRecorder::gone(pid_t tid, int status) {
  threads_.end(tid, WIFSIGNALED(status));
  places_.erase(tid);
  if (tid == command_) command_ended(status);
}

bool ExactRecorder::idle() {
  if (beside()) return threads_.size() == 0 || ended_;
  return threads_.size() == 0 && ended_;
}

// A thread without a group runs on: that is counted, and said once.
void ExactRecorder::untraced(const Error& why, pid_t tid) {
  if (attaching_ && attached_) attached_ = tl::unexpected<Error>(why);
  ++out_.untraced_threads;
  if (!attaching_ && options_.say && !said_untraced_)
    options_.say(fmt::format("thread {} runs untraced: {}", tid, why.message()));
  said_untraced_ = true;
}

void ExactRecorder::began(pid_t pid, pid_t tid) {
  if (places_.count(pid) == 0) {
    // A forked process has its parent's mappings; one that ran before has its own.
    places_[pid] = attaching_ ? places_in(shared_.plan, code_mappings_of(pid), modules_) : places_[parent_of(pid)];
  }
  auto all = fixed_places(shared_.plan);
  all.insert(all.end(), places_[pid].begin(), places_[pid].end());
  if (auto r = threads_.begin(pid, tid, all, false); !r) untraced(r.error(), tid);
}

// The kernel took the events of a program with other rights, and with them the records of what it mapped.
void ExactRecorder::began_anew(pid_t pid) {
  const uint64_t now = record_clock(shared_.host.page_size);
  began(pid, pid);
  if (auto r = write_running(writer_, threads_.sideband_id(), {pid}, &modules_, now); !r) untraced(r.error(), pid);
}

void ExactRecorder::place_what_is_mapped(pid_t pid) {
  const auto fresh = add_fresh(places_[pid], places_in(shared_.plan, code_mappings_of(pid), modules_));
  if (auto r = threads_.place(pid, fresh); !r) untraced(r.error(), pid);
}

void ExactRecorder::replaced(pid_t pid, pid_t former) {
  const bool goes_on = threads_.replace(pid, former);
  if (const std::string why = right_not_given(pid); !why.empty() && options_.say) options_.say(why);
  const auto ends = [this](const Place& p) { return ends_at_exec(shared_.plan.triggers[p.trigger]); };
  std::erase_if(places_[pid], ends);
  auto again = fixed_places(shared_.plan);
  std::erase_if(again, [&](const Place& p) { return !ends(p); });
  if (!goes_on)
    began_anew(pid);
  else if (auto r = threads_.place(pid, again); !r)
    untraced(r.error(), pid);
  place_what_is_mapped(pid);
  if (!every_site_placed(shared_.plan, places_[pid])) tracees_.stop_at_entry(pid);
}

Result<> ExactRecorder::attach() {
  attaching_ = true;
  const bool whole = shared_.plan.target.kind == TargetKind::process;
  std::vector<int32_t> pids;
  for (const int32_t id : shared_.plan.target.ids) {
    if (auto r = tracees_.attach(id, whole); !r) return r;
    pids.push_back(process_of(id));
  }
  attaching_ = false;
  if (!attached_) return attached_;
  return write_running(writer_, threads_.sideband_id(), pids, &modules_);
}

Result<> ExactRecorder::open() {
  if (auto r = start_command(!beside()); !r) return r;
  return beside() ? attach() : threads_.begin(command_, command_, fixed_places(shared_.plan), true);
}

}  // namespace tracectl::kernel
