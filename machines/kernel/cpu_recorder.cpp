// SPDX-License-Identifier: MIT
#include "machines/kernel/cpu_recorder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>

#include "core/elf_machine.hpp"
#include "machines/kernel/places.hpp"
#include "machines/kernel/running.hpp"

namespace tracectl::kernel {
namespace {

// A cgroup's directory as it is, or below the mount of version 2, or of version 1's perf_event controller.
Result<Fd> open_cgroup(const std::string& name) {
  for (const char* mount : {"", "/sys/fs/cgroup/", "/sys/fs/cgroup/unified/", "/sys/fs/cgroup/perf_event/"}) {
    if (*mount == 0 && !name.starts_with('/')) continue;
    if (Fd fd(::open((mount + name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); fd) return fd;
  }
  return fail_errno(fmt::format("opening cgroup '{}'", name),
                    "a directory below /sys/fs/cgroup: `systemd-cgls` or `cat /proc/PID/cgroup` tells names");
}

}  // namespace

CpuRecorder::CpuRecorder(const GroupPlan& shared, const ModuleFinder& modules, capture::Writer& writer,
                         const RunOptions& options)
    : Recording(shared, modules, writer, options), cpus_(shared, writer, session_) {
  tracees_.tell(events());
}

CpuRecorder::~CpuRecorder() { tracees_.release(); }

TraceeEvents CpuRecorder::events() {
  TraceeEvents e;
  e.replaced = [this](pid_t pid, pid_t) {
    cpus_.executed();
    place_what_is_mapped(pid);
    if (every_site_placed(shared_.plan, places_))
      let_go_ = true;
    else
      tracees_.stop_at_entry(pid);
  };
  e.loaded = [this](pid_t pid) {
    place_what_is_mapped(pid);
    let_go_ = true;
  };
  e.gone = [this](pid_t tid, int status) {
    if (tid == command_) command_ended(status);
  };
  return e;
}

std::vector<Place> CpuRecorder::fresh_places(int32_t pid) {
  return add_fresh(places_, places_in(shared_.plan, code_mappings_of(pid), modules_));
}

void CpuRecorder::place_what_is_mapped(int32_t pid) {
  if (auto r = cpus_.place(fresh_places(pid)); !r && options_.say) options_.say(r.error().message());
}

void CpuRecorder::collected() {
  if (std::exchange(let_go_, false)) tracees_.release();
}

bool CpuRecorder::idle() { return ended_ || (!processes_.empty() && living_ == 0); }

Result<> CpuRecorder::open_command() {
  if (auto r = start_command(true); !r) return r;
  return cpus_.open(command_, command_, fixed_places(shared_.plan), true);
}

// Everything is open: what runs already is told, and the groups start.
Result<> CpuRecorder::begin_with(const std::vector<int32_t>& pids, const ModuleFinder* modules) {
  if (auto r = write_running(writer_, cpus_.sideband_id(), pids, modules); !r) return r;
  return cpus_.start();
}

void CpuRecorder::watch_ends(const std::vector<int32_t>& pids) {
  for (const int32_t pid : pids) {
    Fd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!fd) continue;
    ++living_;
    session_.watch(fd.get(), [this] {
      if (--living_ == 0) session_.stop();
      return false;
    });
    processes_.push_back(std::move(fd));
  }
}

Result<> CpuRecorder::open_threads() {
  const bool whole = shared_.plan.target.kind == TargetKind::process;
  std::vector<int32_t> pids;
  for (const int32_t id : shared_.plan.target.ids) {
    const int32_t pid = process_of(id);
    auto places = fixed_places(shared_.plan);
    const auto found = places_in(shared_.plan, code_mappings_of(pid), modules_);
    places.insert(places.end(), found.begin(), found.end());
    for (const int32_t tid : whole ? threads_of(pid) : std::vector<int32_t>{id})
      if (auto r = cpus_.open(pid, tid, places, false); !r) return r;
    pids.push_back(pid);
  }
  watch_ends(pids);
  return begin_with(pids, &modules_);
}

// A probe sits in a file, whoever maps it: the plan's own path, the command, or any process shows which is meant.
void CpuRecorder::find_probes(const std::vector<int32_t>& pids) {
  std::vector<std::string> files;
  for (const auto& t : shared_.plan.triggers)
    if (sits_in_file(t) && t.where.object.starts_with('/')) files.push_back(t.where.object);
  if (!shared_.plan.command.empty())
    if (const auto program = find_command(shared_.plan.command[0], search_path()); program) files.push_back(*program);
  for (const auto& file : files) {
    const auto found = probes_in(shared_.plan, file, modules_);
    places_.insert(places_.end(), found.begin(), found.end());
  }
  for (const int32_t pid : pids) {
    if (every_site_placed(shared_.plan, places_)) return;
    (void)fresh_places(pid);
  }
}

Result<> CpuRecorder::open_cpus() {
  int seat = -1;
  if (shared_.plan.target.kind == TargetKind::cgroup) {
    auto fd = open_cgroup(shared_.plan.target.cgroup);
    if (!fd) return tl::unexpected<Error>(fd.error());
    cgroup_ = std::move(*fd);
    seat = cgroup_.get();
  }
  const auto all = processes();
  find_probes(all);
  auto places = fixed_places(shared_.plan);
  places.insert(places.end(), places_.begin(), places_.end());
  if (auto r = cpus_.open(-1, seat, places, false); !r) return r;
  return begin_with(all, nullptr);
}

Result<> CpuRecorder::open() {
  if (!beside()) return open_command();
  if (auto r = start_command(false); !r) return r;
  return shared_.plan.target.of_cpus() ? open_cpus() : open_threads();
}

}  // namespace tracectl::kernel
