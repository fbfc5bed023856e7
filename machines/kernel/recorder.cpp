// SPDX-License-Identifier: MIT
#include "machines/kernel/recorder.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "core/capture/kernel_image.hpp"
#include "core/perf/record_build.hpp"
#include "machines/child_signals.hpp"
#include "machines/kernel/clock.hpp"
#include "machines/kernel/places.hpp"
#include "machines/kernel/threads.hpp"
#include "machines/kernel/tracees.hpp"

namespace tracectl::kernel {
namespace {

constexpr uint64_t kRoomForIds = 64;

// A thread takes two descriptors and one more for each trigger.
void allow_many_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

capture::EventSetup setup_of(const perf_event_attr& attr, const std::string& name) {
  capture::EventSetup out;
  std::memcpy(out.attr.data(), &attr, out.attr.size());
  out.name = name;
  return out;
}

// What the language has and this machine does not do yet: refused, never left out in silence.
Result<> check_supported(const ResolvedPlan& plan) {
  const std::string machine = "the kernel machine cannot do ";
  if (plan.threads == ThreadMode::per_cpu)
    return fail_unsupported(machine + "threads = \"per-cpu\" yet", "leave it out: one group for each thread");
  if (!plan.address_filters.empty())
    return fail_unsupported(machine + "address filters yet", "a window on a function traces only inside it");
  if (plan.buffer.on_full == OnFull::drop)
    return fail_unsupported(machine + "on_full = \"drop\"",
                            "on_full = \"stop\": stop, drain, go on; what was cut is counted");
  for (const auto& t : plan.triggers)
    if (t.limit)
      return fail_unsupported(fmt::format("{}a limit of hits yet ('{}')", machine, t.on),
                              "[limits] windows ends the session");
  return {};
}

Result<GroupPlan> group_plan(const ResolvedPlan& plan, const HostFacts& host) {
  if (auto ok = check_supported(plan); !ok) return tl::unexpected<Error>(ok.error());
  const auto pmu = host.pmus.find("intel_pt");
  if (pmu == host.pmus.end())
    return fail_unsupported("there is no intel_pt PMU on this machine", "machine = \"emulated\" needs none");
  auto sources = find_events(plan, host);
  if (!sources) return tl::unexpected<Error>(sources.error());
  return GroupPlan{plan, host, pmu->second.type, std::move(*sources)};
}

class Recorder {
 public:
  Recorder(const GroupPlan& shared, const ModuleFinder& modules, capture::Writer& writer, const RunOptions& options)
      : shared_(shared),
        modules_(modules),
        writer_(writer),
        options_(options),
        session_(writer, shared.plan.limits),
        threads_(shared, writer, session_),
        tracees_(events(), shared.plan.follow) {}

  Result<RunOutcome> run();

 private:
  TraceeEvents events();
  Result<> open_command();
  Result<> keep_kernel();
  void began(pid_t pid, pid_t tid);
  void replaced(pid_t pid, pid_t former);
  void loaded(pid_t pid);
  void place_what_is_mapped(pid_t pid);
  [[nodiscard]] bool all_placed(pid_t pid) const;
  void untraced(const Error& why, pid_t tid);
  void watch_signals();
  Result<RunOutcome> finish(Result<> result);

  const GroupPlan& shared_;
  const ModuleFinder& modules_;
  capture::Writer& writer_;
  const RunOptions& options_;
  Session session_;
  Threads threads_;
  std::map<pid_t, std::vector<Place>> places_;  // by process, beyond the fixed ones
  RunOutcome out_;
  pid_t command_ = -1;
  bool ended_ = false, said_untraced_ = false;
  Tracees tracees_;  // last: it tells the others of threads that end, until the very end
};

TraceeEvents Recorder::events() {
  TraceeEvents e;
  e.began = [this](pid_t pid, pid_t tid) { began(pid, tid); };
  e.replaced = [this](pid_t pid, pid_t former) { replaced(pid, former); };
  e.loaded = [this](pid_t pid) { loaded(pid); };
  e.snapshot = [this] { session_.drain(); };
  e.gone = [this](pid_t tid, int status) {
    threads_.end(tid, WIFSIGNALED(status));
    places_.erase(tid);
    if (tid != command_) return;
    out_.wait_status = status;
    ended_ = true;
  };
  return e;
}

// A thread without a group runs on: that is counted, and said once.
void Recorder::untraced(const Error& why, pid_t tid) {
  ++out_.untraced_threads;
  if (options_.say && !said_untraced_) options_.say(fmt::format("thread {} runs untraced: {}", tid, why.message()));
  said_untraced_ = true;
}

void Recorder::began(pid_t pid, pid_t tid) {
  // A forked process has its parent's mappings.
  if (places_.count(pid) == 0) places_[pid] = places_[parent_of(pid)];
  auto all = fixed_places(shared_.plan);
  all.insert(all.end(), places_[pid].begin(), places_[pid].end());
  if (auto r = threads_.begin(pid, tid, all, false); !r) untraced(r.error(), tid);
}

void Recorder::place_what_is_mapped(pid_t pid) {
  std::vector<Place> fresh;
  auto& known = places_[pid];
  for (auto& place : places_in(shared_.plan, code_mappings_of(pid), modules_))
    if (std::find(known.begin(), known.end(), place) == known.end()) fresh.push_back(place);
  known.insert(known.end(), fresh.begin(), fresh.end());
  if (auto r = threads_.place(pid, fresh); !r) untraced(r.error(), pid);
}

bool Recorder::all_placed(pid_t pid) const {
  std::set<uint32_t> placed;
  const auto it = places_.find(pid);
  if (it != places_.end())
    for (const auto& place : it->second) placed.insert(place.trigger);
  for (uint32_t i = 0; i < shared_.plan.triggers.size(); ++i)
    if (sits_in_file(shared_.plan.triggers[i]) && placed.count(i) == 0) return false;
  return true;
}

void Recorder::replaced(pid_t pid, pid_t former) {
  threads_.replace(pid, former);
  const auto ends = [this](const Place& p) { return ends_at_exec(shared_.plan.triggers[p.trigger]); };
  std::erase_if(places_[pid], ends);
  auto again = fixed_places(shared_.plan);
  std::erase_if(again, [&](const Place& p) { return !ends(p); });
  if (auto r = threads_.place(pid, again); !r) untraced(r.error(), pid);
  place_what_is_mapped(pid);
  if (!all_placed(pid)) tracees_.stop_at_entry(pid);
}

void Recorder::loaded(pid_t pid) { place_what_is_mapped(pid); }

Result<> Recorder::open_command() {
  auto child = tracees_.start({shared_.plan.command, shared_.plan.user});
  if (!child) return tl::unexpected<Error>(child.error());
  command_ = *child;
  return threads_.begin(command_, command_, fixed_places(shared_.plan), true);
}

// The kernel's code as it is now, with the probes in it that were just opened.
Result<> Recorder::keep_kernel() {
  const auto image = capture::copy_kernel_image(writer_.directory());
  if (!image) return tl::unexpected<Error>(image.error());
  perf::SampleId sid;
  sid.id = threads_.sideband_id();
  alignas(8) std::array<char, 4096> record{};
  for (const auto& m : image->mappings) {
    const size_t size =
        perf::build_kernel_mmap(record.data(), record.size(), sid, m.address, m.size, m.file_offset, m.name.c_str());
    if (auto done = writer_.records(std::as_bytes(std::span(record)).first(size)); !done) return done;
  }
  return {};
}

void Recorder::watch_signals() {
  pass_signals(session_, command_);
  session_.on_signal(SIGCHLD, [this] {
    tracees_.collect();
    if (threads_.size() == 0 && ended_) session_.stop();
  });
  session_.on_signal(SIGUSR2, [this] {
    if (shared_.plan.buffer.mode == BufferMode::ring)
      threads_.keep_all();
    else if (options_.say)
      options_.say("SIGUSR2: mode = full keeps everything; nothing to do");
  });
  session_.after_drain([this] {
    threads_.keep_asked();
    if (!threads_.failed()) session_.stop();
    const auto& limit = shared_.plan.limits.windows;
    if (limit && threads_.windows() >= *limit && !threads_.any_open()) session_.stop("limit: windows");
    if (options_.progress) options_.progress(writer_.aux_bytes(), threads_.size());
  });
}

Result<RunOutcome> Recorder::finish(Result<> result) {
  out_.stop_reason = session_.stop_reason();
  if (!result && options_.failed) options_.failed(result.error());
  threads_.end_all();
  tracees_.release();
  if (!ended_) wait_untraced(command_, &out_.wait_status);
  threads_.report(out_);
  if (const int error = tracees_.exec_error(); error != 0 && options_.say)
    options_.say(fmt::format("cannot run '{}': {}", shared_.plan.command[0], strerror(error)));
  if (!result) return tl::unexpected<Error>(result.error());
  return out_;
}

Result<RunOutcome> Recorder::run() {
  allow_many_descriptors();
  watch_signals();
  if (auto r = open_command(); !r) return tl::unexpected<Error>(r.error());
  if (shared_.plan.scope != Scope::user)
    if (auto r = keep_kernel(); !r) return tl::unexpected<Error>(r.error());
  tracees_.go();
  tracees_.collect();
  auto result = session_.run();
  return finish(!result ? result : threads_.failed());
}

}  // namespace

Result<capture::WriterSetup> capture_setup(const ResolvedPlan& plan, const HostFacts& host, const std::string& directory) {
  const auto shared = group_plan(plan, host);
  if (!shared) return tl::unexpected<Error>(shared.error());
  capture::WriterSetup setup;
  setup.directory = directory;
  const char* scope = plan.scope == Scope::user ? "u" : plan.scope == Scope::kernel ? "k" : "";
  const Placing placing{.on_exec = true};
  setup.events.push_back(setup_of(leader_attr(plan, shared->pmu_type, placing), fmt::format("intel_pt//{}", scope)));
  setup.events.push_back(setup_of(sideband_attr(plan, placing), fmt::format("dummy:{}", scope)));
  // Stored as perf prints them without tracing data: see intel_pt::trigger.
  for (const auto& t : plan.triggers) {
    setup.events.push_back(intel_pt::trigger(t.name, t.action, 0));
    setup.events.back().ids.clear();
  }
  auto info = aux_info_of(host);
  info.snapshot = plan.buffer.mode == BufferMode::ring;
  setup.aux_info = intel_pt::aux_info(info);
  setup.trace_clock = trace_clock;
  setup.command_line = plan.command;
  setup.room_for_ids = kRoomForIds;
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::ostringstream text;
  text << cpuinfo.rdbuf();
  setup.cpuid = cpuid_text(text.str());
  setup.plan_text = plan.source_text;
  return setup;
}

Result<RunOutcome> run_kernel(const ResolvedPlan& plan, const HostFacts& host, const ModuleFinder& modules,
                              capture::Writer& writer, const RunOptions& options) {
  const auto shared = group_plan(plan, host);
  if (!shared) return tl::unexpected<Error>(shared.error());
  return Recorder(*shared, modules, writer, options).run();
}

}  // namespace tracectl::kernel
