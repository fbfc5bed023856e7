// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/program.hpp"

#include <elf.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "machines/emulated/plugin/blocks.hpp"
#include "machines/emulated/plugin/code.hpp"
#include "machines/emulated/plugin/flow.hpp"
#include "machines/emulated/plugin/guest_start.hpp"
#include "machines/emulated/plugin/link.hpp"
#include "machines/emulated/plugin/log.hpp"
#include "machines/emulated/plugin/output.hpp"
#include "machines/emulated/plugin/translation.hpp"
#include "machines/emulated/plugin/triggers.hpp"
#include "machines/emulated/plugin/watch.hpp"

namespace tracectl::plugin {

using emulated::ThreadOrigin;

namespace {

// What a forked child takes over from the thread that forked.
struct Inherited {
  bool valid = false;
  int32_t pid = 0, tid = 0;
  const void* previous = nullptr;
  std::vector<ReturnProbe> returns;
} inherited;

// A state without buffers for threads that run untraced.
ThreadState* dark_state() {
  auto* t = new Thread;
  auto* s = new ThreadState;
  t->state = s;
  t->dead = true;
  t->pid = getpid();
  t->tid = gettid_now();
  s->owner = t;
  s->paused = 1;
  return s;
}

void put_start_records(ThreadState* s, ThreadOrigin origin, int32_t parent_pid, int32_t parent_tid) {
  const Thread* t = thread_of(s);
  const auto u = [](int32_t v) { return static_cast<uint32_t>(v); };
  char record[128];
  if (origin != ThreadOrigin::program)
    put_record(s, record,
               perf::build_fork(record, sizeof record, sample_id(s, emulated::kSidebandId), u(t->pid), u(parent_pid),
                                u(t->tid), u(parent_tid)));
  put_record(s, record, perf::build_itrace_start(record, sizeof record, sample_id(s, emulated::kLeaderId)));
}

ThreadState* attach(ThreadOrigin origin, int32_t parent_pid, int32_t parent_tid) {
  Thread* t =
      g.session->stop.load(std::memory_order_relaxed) != 0 ? nullptr : request_thread(origin, parent_pid, parent_tid);
  if (t == nullptr) {
    if (g.session->stop.load(std::memory_order_relaxed) == 0) g.session->untraced_threads.fetch_add(1);
    tls_state = dark_state();
    return tls_state;
  }
  ThreadState* s = t->state;
  s->paused = g.config.start_paused;
  s->obeyed = g.session->by_hand.load();
  const emulated::ByHand by_hand = emulated::by_hand_of(s->obeyed);
  if (by_hand != emulated::ByHand::none) s->paused = emulated::pauses(by_hand) ? 1 : 0;
  // What was said between the exec and now, the program before could not hear.
  if (g.exec && origin == ThreadOrigin::program && s->obeyed == g.obeyed_at_exec) s->paused = g.paused_at_exec ? 1 : 0;
  s->by_hand = by_hand == emulated::ByHand::resume && s->paused == 0 ? 1 : 0;
  tls_state = s;
  if (s->paused == 0) see_all_blocks();
  return s;
}

void map_image(ThreadState* s, const GuestImage& image) {
  for (const auto& seg : image.code)
    map_code(s, seg.address, seg.size, seg.file_offset, image.path, PROT_READ | PROT_EXEC, MAP_PRIVATE, !seg.writable);
}

const char* base_name(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

// The program's first block: who it is and what QEMU's loader mapped.
ThreadState* start_program(const void* env) {
  g.started = true;
  GuestStart start{};
  if (!read_guest_start(g.guest->stack(env), start)) {
    g.session->unexplained.fetch_add(1);
    tls_state = dark_state();
    return tls_state;
  }
  ThreadState* s = attach(ThreadOrigin::program, getppid(), getppid());
  const char* name = g.comm[0] != 0 ? g.comm : base_name(start.program.path);
  prctl(PR_SET_NAME, name);
  rename_thread(s, name, true);
  put_start_records(s, ThreadOrigin::program, 0, 0);
  map_image(s, start.program);
  if (start.interpreter.path[0] != 0) map_image(s, start.interpreter);
  if (g.exec) {
    const int64_t ret = 0;
    const uint64_t args[6] = {};
    hit_syscall(s, g.guest->execve, args, &ret);  // execve's return, which only the new program can see
  }
  return s;
}

}  // namespace

ThreadState* start_forked() {
  if (g.config.follow == 0) {  // [target] follow = false: nothing lost, only not asked for
    inherited = {};
    tls_state = dark_state();
    return tls_state;
  }
  const int32_t parent = inherited.pid;
  ThreadState* s = attach(ThreadOrigin::fork, parent, inherited.tid);
  s->previous = inherited.previous;
  thread_of(s)->log_skip = true;
  thread_of(s)->returns = inherited.returns;
  s->return_probes = thread_of(s)->dead ? 0 : static_cast<uint32_t>(inherited.returns.size());
  inherited = {};
  put_start_records(s, ThreadOrigin::fork, parent, parent);
  return s;
}

ThreadState* start_thread(const Block* b, const void* env) {
  if (!g.started) {
    ThreadState* s = start_program(env);
    const std::lock_guard lock(g.mutex);
    mark_block(*const_cast<Block*>(b));  // translated before we knew anything
    return s;
  }
  if (inherited.valid) return start_forked();
  const auto pid = static_cast<int32_t>(getpid());
  ThreadState* s = attach(ThreadOrigin::clone, pid, pid);
  put_start_records(s, ThreadOrigin::clone, pid, pid);
  return s;
}

void finish_thread(ThreadState* s) {
  Thread* t = thread_of(s);
  if (t->dead) return;
  publish(s);
  const auto pid = static_cast<uint32_t>(t->pid), tid = static_cast<uint32_t>(t->tid);
  char record[96];
  put_record(s, record, perf::build_exit(record, sizeof record, sample_id(s, emulated::kSidebandId), pid, pid, tid, tid));
  leave_program(s);
}

void leave_program(ThreadState* s) {
  Thread* t = thread_of(s);
  if (g.log[0] != 0) log_finish(s);
  if (t->dead) return;
  publish(s);
  t->dead = true;
  s->done.store(1);  // seq_cst: behind everything published
  ring_doorbell();
}

// The module's triggers that lie in this mapping; was one new to its address?
static bool place_sites(const Module& module, uint64_t address, uint64_t size, uint64_t file_offset) {
  bool any = false;
  const std::lock_guard lock(g.mutex);
  for (const auto& site : module.sites) {
    if (site.data != 0) {
      const bool has_code = module.code_offset >= file_offset && module.code_offset < file_offset + size;
      if (has_code) add_watch(site.trigger, address + (site.file_offset - file_offset));
      continue;
    }
    if (site.file_offset < file_offset || site.file_offset >= file_offset + size) continue;
    auto& list = g.sites[address + (site.file_offset - file_offset)];
    if (std::find(list.begin(), list.end(), site.trigger) != list.end()) continue;
    list.push_back(site.trigger);
    any = true;
  }
  return any;
}

void forget_sites(uint64_t begin, uint64_t end) {
  const std::lock_guard lock(g.mutex);
  for (auto at = g.sites.begin(); at != g.sites.end();) {
    const uint64_t address = at->first;
    auto& list = at->second;
    const auto gone = [&](uint32_t i) { return g.triggers[i].address != address; };
    if (address >= begin && address < end) list.erase(std::remove_if(list.begin(), list.end(), gone), list.end());
    at = list.empty() ? g.sites.erase(at) : std::next(at);
  }
}

void map_code(ThreadState* s, uint64_t address, uint64_t size, uint64_t file_offset, const char* path, uint32_t prot,
              uint32_t flags, bool file) {
  Module module;
  const bool known = ask_module(path, module);
  perf::Mapping m;
  m.address = address;
  m.length = size;
  m.file_offset = file_offset;
  m.prot = prot;
  m.flags = flags;
  m.name = path;
  m.build_id = module.build_id;
  m.build_id_size = known ? module.build_id_size : 0;
  char record[4096 + 256];
  put_record(s, record, perf::build_mmap2(record, sizeof record, sample_id(s, emulated::kSidebandId), m));
  if (file) file_lies(address, address + size);
  if (place_sites(module, address, size, file_offset) && g.sparse.load()) translate_again();
}

void rename_thread(ThreadState* s, const char* name, bool exec) {
  char comm[16] = {};
  std::strncpy(comm, name, sizeof comm - 1);
  char record[96];
  put_record(s, record, perf::build_comm(record, sizeof record, sample_id(s, emulated::kSidebandId), comm, exec));
}

void install_fork_handlers() {
  // What the child takes over is read before the fork: the thread's state is shared memory,
  // and the parent goes on writing it at once.
  const auto before = [] {
    g.mutex.lock();
    freeze_code();
    inherited = {};
    ThreadState* s = tls_state;
    if (s == nullptr) return;
    const Thread* t = thread_of(s);
    inherited = {true, t->pid, t->tid, s->previous, t->returns};
  };
  const auto in_parent = [] {
    inherited = {};
    g.mutex.unlock();
  };
  const auto in_child = [] {
    leave_code_room();
    forked_alone();
    g.mutex.unlock();
    tls_state = nullptr;
  };
  pthread_atfork(before, in_parent, in_child);
}

}  // namespace tracectl::plugin
