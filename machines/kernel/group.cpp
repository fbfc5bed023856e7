// SPDX-License-Identifier: MIT
#include "machines/kernel/group.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>

namespace tracectl::kernel {
namespace {

constexpr uint64_t kActPeriod = 10'000;  // ns: the shortest that the kernel's timer gives

// Is there memory for it? The kernel kills somebody rather than say no. Source: proc(5), /proc/meminfo.
bool fits(uint64_t bytes) {
  std::ifstream in("/proc/meminfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("MemAvailable:")) return bytes <= std::strtoull(line.c_str() + 13, nullptr, 10) * 1024;
  return true;
}

}  // namespace

Group::Group(Group&& o) noexcept
    : shared_(o.shared_),
      leader_(std::move(o.leader_)),
      sideband_(std::move(o.sideband_)),
      members_(std::move(o.members_)),
      placing_(o.placing_),
      pid_(o.pid_),
      tid_(o.tid_),
      cpu_(o.cpu_),
      base_(std::exchange(o.base_, nullptr)),
      aux_(std::exchange(o.aux_, nullptr)),
      base_size_(o.base_size_),
      aux_size_(o.aux_size_),
      ids_(std::move(o.ids_)),
      output_(o.output_),
      held_(o.held_),
      actor_(std::move(o.actor_)) {}

Group::~Group() {
  // The AUX area first: it belongs to the ring that the base mapping holds.
  if (aux_ != nullptr) munmap(aux_, aux_size_);
  if (base_ != nullptr) munmap(base_, base_size_);
}

Error Group::refused(int error, Refusal refusal) const {
  refusal.error = error;
  refusal.tid = tid_;
  refusal.cpu = cpu_;
  return explain(refusal, shared_->plan, shared_->host);
}

Result<> Group::note_id(int fd, size_t event) {
  uint64_t id = 0;
  if (ioctl(fd, PERF_EVENT_IOC_ID, &id) != 0) return fail_errno("reading an event's id");
  ids_.push_back({event, id});
  return {};
}

Result<Group> Group::open(const GroupPlan& shared, int32_t pid, int32_t tid, int cpu, const Placing& placing,
                          uint64_t aux_size, const Group* ring_of) {
  Group g(shared);
  g.placing_ = placing;
  g.pid_ = pid;
  g.tid_ = tid;
  g.cpu_ = cpu;
  perf_event_attr attr = leader_attr(shared.plan, shared.pmu_type, placing);
  const uint64_t config3 = shared.plan.backend == BackendKind::coresight ? shared.plan.coresight.config3 : 0;
  auto leader = perf::event_open(attr, config3, tid, cpu, -1, placing.cgroup ? PERF_FLAG_PID_CGROUP : 0);
  if (leader.error != 0) return tl::unexpected<Error>(g.refused(leader.error, {.step = Step::leader}));
  g.leader_ = std::move(leader.fd);
  if (!shared.address_filters.empty() &&
      ioctl(g.leader_.get(), PERF_EVENT_IOC_SET_FILTER, shared.address_filters.c_str()) != 0)
    return tl::unexpected<Error>(g.refused(errno, {.step = Step::address_filter}));
  if (auto r = g.note_id(g.leader_.get(), 0); !r) return tl::unexpected<Error>(r.error());
  if (ring_of != nullptr) g.output_ = ring_of->output();
  if (auto r = ring_of != nullptr ? g.join(g.leader_.get(), nullptr) : g.map(aux_size); !r)
    return tl::unexpected<Error>(r.error());
  if (auto r = g.open_sideband(); !r) return tl::unexpected<Error>(r.error());
  return g;
}

int Group::output() const { return output_ >= 0 ? output_ : leader_.get(); }

perf::OpenOutcome Group::open_event(perf_event_attr& attr, int group_fd) const {
  return perf::event_open(attr, tid_, cpu_, group_fd, placing_.cgroup ? PERF_FLAG_PID_CGROUP : 0);
}

Result<> Group::join(int fd, const ResolvedTrigger* trigger) {
  if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, output()) == 0) return {};
  return tl::unexpected<Error>(refused(errno, {.step = Step::output, .trigger = trigger}));
}

Result<> Group::map(uint64_t aux_size) {
  const BufferPlan& buffer = shared_->plan.buffer;
  base_size_ = shared_->host.page_size + buffer.data_size;
  if (!fits(buffer.data_size))
    return tl::unexpected<Error>(refused(ENOMEM, {.step = Step::map_data, .size = buffer.data_size}));
  if (!fits(buffer.data_size + aux_size))
    return tl::unexpected<Error>(refused(ENOMEM, {.step = Step::map_aux, .size = aux_size}));
  void* base = mmap(nullptr, base_size_, PROT_READ | PROT_WRITE, MAP_SHARED, leader_.get(), 0);
  if (base == MAP_FAILED) return tl::unexpected<Error>(refused(errno, {.step = Step::map_data, .size = buffer.data_size}));
  base_ = base;
  auto* page = static_cast<perf_event_mmap_page*>(base);
  page->aux_offset = base_size_;
  page->aux_size = aux_size_ = aux_size;
  // Writable: the kernel stops at what was not read yet. Read-only: it writes over it.
  const int protection = PROT_READ | (buffer.mode == BufferMode::full ? PROT_WRITE : 0);
  void* aux = mmap(nullptr, aux_size_, protection, MAP_SHARED, leader_.get(), static_cast<off_t>(page->aux_offset));
  if (aux == MAP_FAILED) return tl::unexpected<Error>(refused(errno, {.step = Step::map_aux, .size = aux_size_}));
  aux_ = aux;
  return {};
}

Result<> Group::open_sideband() {
  perf_event_attr attr = sideband_attr(shared_->plan, placing_);
  auto opened = open_event(attr);
  if (opened.error != 0) return tl::unexpected<Error>(refused(opened.error, {.step = Step::sideband}));
  sideband_ = std::move(opened.fd);
  if (auto r = join(sideband_.get(), nullptr); !r) return r;
  return note_id(sideband_.get(), 1);
}

Result<> Group::open_member(Member& member, const ResolvedTrigger& trigger, uint64_t limit) {
  const Place& place = member.place;
  perf_event_attr attr = member_attr(shared_->plan, trigger, shared_->sources[place.trigger], placing_,
                                     place.text.empty() ? nullptr : place.text.c_str(), place.at);
  attr.disabled = limit != 0 ? 1 : 0;
  auto opened = open_event(attr, leader_.get());
  const Refusal refusal{.step = Step::member, .trigger = &trigger, .place = place.at};
  if (opened.error != 0) return tl::unexpected<Error>(refused(opened.error, refusal));
  member.fd = std::move(opened.fd);
  return join(member.fd.get(), &trigger);
}

Result<> Group::add(const Place& place, uint64_t limit) {
  const ResolvedTrigger& trigger = shared_->plan.triggers[place.trigger];
  Member member{{}, place};
  if (auto r = open_member(member, trigger, limit); !r) return r;
  const int fd = member.fd.get();
  if (!trigger.filter_text.empty() && ioctl(fd, PERF_EVENT_IOC_SET_FILTER, trigger.filter_text.c_str()) != 0)
    return tl::unexpected<Error>(refused(errno, {.step = Step::filter, .trigger = &trigger}));
  // The kernel counts, and turns it off with the last one's hit: perf_event_open(2), PERF_EVENT_IOC_REFRESH.
  if (limit != 0 && ioctl(fd, PERF_EVENT_IOC_REFRESH, static_cast<int>(std::min<uint64_t>(limit, INT_MAX))) != 0)
    return tl::unexpected<Error>(refused(errno, {.step = Step::enable}));
  if (auto r = note_id(fd, 2 + place.trigger); !r) return r;
  members_.push_back(std::move(member));
  return {};
}

void Group::drop_trigger(uint32_t trigger) {
  std::erase_if(members_, [trigger](const Member& m) { return m.place.trigger == trigger; });
}

void Group::drop_for_exec() {
  std::erase_if(members_, [&](const Member& m) { return ends_at_exec(shared_->plan.triggers[m.place.trigger]); });
}

// Source: begin_new_exec in fs/exec.c (perf_event_exit_task), perf_poll in kernel/events/core.c.
bool Group::taken_away() const {
  pollfd leader{leader_.get(), 0, 0};
  return poll(&leader, 1, 0) > 0 && (leader.revents & POLLHUP) != 0;
}

Result<> Group::enable() {
  for (const int fd : {sideband_.get(), leader_.get()})
    if ((fd != leader_.get() || !held_) && ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) != 0)
      return tl::unexpected<Error>(refused(errno, {.step = Step::enable}));
  return {};
}

void Group::disable() { ioctl(leader_.get(), PERF_EVENT_IOC_DISABLE, 0); }

Result<> Group::act(Action action) {
  actor_.reset();
  perf_event_attr attr{};
  attr.size = perf::kAttrSize;
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_CPU_CLOCK;
  attr.sample_period = kActPeriod;
  attr.disabled = 1;
  attr.exclude_kernel = shared_->plan.scope == Scope::user ? 1 : 0;
  perf::set_aux_action(attr, action == Action::resume ? perf::kAuxResume : perf::kAuxPause);
  auto opened = open_event(attr, leader_.get());
  if (opened.error != 0) return tl::unexpected<Error>(refused(opened.error, {.step = Step::enable}));
  actor_ = std::move(opened.fd);
  // Once: it goes off by itself behind its first hit.
  if (ioctl(actor_.get(), PERF_EVENT_IOC_REFRESH, 1) != 0)
    return tl::unexpected<Error>(refused(errno, {.step = Step::enable}));
  return {};
}

std::span<const std::byte> Group::aux_area() const { return {static_cast<const std::byte*>(aux_), aux_size_}; }

uint64_t Group::aux_head() const {
  // acquire: pairs with the kernel's store in perf_aux_output_end.
  return __atomic_load_n(&static_cast<const perf_event_mmap_page*>(base_)->aux_head, __ATOMIC_ACQUIRE);
}

Channel Group::channel(uint32_t idx) const {
  Channel c;
  c.idx = idx;
  c.pid = pid_;
  c.tid = cpu_ < 0 ? tid_ : -1;
  c.cpu = cpu_;
  auto* page = static_cast<perf_event_mmap_page*>(base_);
  c.data =
      perf::DataRing(page, static_cast<const std::byte*>(base_) + shared_->host.page_size, shared_->plan.buffer.data_size);
  if (shared_->plan.buffer.mode == BufferMode::full)
    c.aux = perf::AuxBuffer(page, static_cast<const std::byte*>(aux_), aux_size_);
  return c;
}

std::vector<EventId> Group::new_ids() { return std::exchange(ids_, {}); }

}  // namespace tracectl::kernel
