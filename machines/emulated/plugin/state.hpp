// SPDX-License-Identifier: MIT
// The plugin's own state: the process (what the launcher said, which code is where) and one
// Thread per guest thread. All of it lives inside the traced program's QEMU process.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/perf/uapi.hpp"
#include "core/resolved_plan.hpp"
#include "machines/emulated/protocol.hpp"

namespace tracectl::plugin {

using emulated::SessionPage;
using emulated::ThreadState;
using emulated::WireTrigger;

struct Guest;  // plugin/guest.hpp

// How a block ends; close to decode::BranchKind. The first two have one successor.
enum class Ending : uint8_t { none, direct, cond, call, indirect, indirect_call, ret, syscall, far };

enum BlockFlag : uint8_t {
  kSiteAtStart = 1,  // a trigger sits on the first instruction
  kHandler = 2,      // the address of a signal handler
  kLogged = 4,       // every block is, with log=
  kNoFile = 8,       // its bytes are in no file (plugin/code.hpp)
  kSingle = 16,      // one instruction that may be what is left of a block (goes_on_inside)
};

inline constexpr uint64_t kNowhere = ~0ull;

// One translated block, as the trace unit sees it. Blocks are never freed: an equal one is
// reused when QEMU translates again.
struct alignas(64) Block {
  uint64_t pc = 0;
  // Where it goes: not taken, taken; twice the same where there is one way only; nowhere (kNowhere) where
  // more than a TNT bit or an atom tells of it.
  uint64_t next[2] = {};
  Ending ending = Ending::none;
  uint8_t flags = 0;
  uint8_t bits = 0;  // TNT bits, atoms for its end: 1 or 0
  bool rep = false;  // the last instruction is a rep string instruction
  uint32_t insns = 0;
  uint64_t fall = 0;           // first byte behind the last instruction
  uint64_t last = 0;           // last instruction
  uint64_t target = 0;         // direct and conditional branches
  mutable uint64_t since = 0;  // kNoFile: its bytes are in the capture from this time on; 0: not yet
};

struct ReturnProbe {
  uint64_t address = 0;  // where the function returns to
  uint64_t stack = 0;    // guest's stack pointer at its entry
  uint32_t trigger = 0;
};

// A watched access in the block that was entered last.
struct WatchHit {
  uint64_t next = 0;  // the instruction behind it; 0: it was the block's last
  uint32_t trigger = 0;
};

struct Thread {
  ThreadState* state = nullptr;
  perf_event_mmap_page* page = nullptr;
  uint8_t* data = nullptr;
  uint64_t data_size = 0, aux_size = 0;
  void* map = nullptr;  // page, data ring, state
  size_t map_size = 0;
  int32_t pid = 0, tid = 0;
  bool dead = false;       // no buffers: this thread is not traced
  bool rep_again = false;  // the block just entered repeats a rep instruction
  std::vector<ReturnProbe> returns;
  std::vector<WatchHit> watch_hits;  // in the order of execution
  uint64_t syscall_args[6] = {};
  uint32_t periods[64] = {};
  bool log_skip = false;
  uint64_t log_count = 0, log_hash = 0;  // only with log=
};

struct Mapping {
  uint64_t address = 0, size = 0, file_offset = 0;
};

struct Process {
  const Guest* guest = nullptr;
  bool attached = false;  // the launcher answered
  bool started = false;   // the first block has run
  bool exec = false;      // this program replaced a traced one
  bool paused_at_exec = false;
  uint32_t obeyed_at_exec = 0;  // ThreadState::obeyed
  char socket[108] = {};
  char comm[16] = {};
  char log[256] = {};  // tests: where digests go
  SessionPage* session = nullptr;
  emulated::HelloReply config{};
  std::vector<WireTrigger> triggers;
  std::vector<FilterOp> filters;
  std::vector<char> pool;
  std::vector<uint32_t> on_enter[512], on_exit[512];  // triggers by system call
  bool any_syscall_trigger = false;
  uint32_t idle_limit = 0;                                    // see plugin/translation.hpp, as the next
  std::atomic<bool> sparse{false};                            // only blocks of interest tell when they are entered
  int watched_accesses = 0;                                   // kQemuMem*: what the plan's watchpoints need to see
  std::mutex mutex;                                           // guards what follows; held across fork
  std::unordered_map<uint64_t, std::vector<uint32_t>> sites;  // address → triggers
  std::unordered_multimap<uint64_t, Block*> blocks;           // by pc
  struct Handler {
    uint64_t handler = 0, restorer = 0;
  } handlers[65];
};

extern Process& g;
// The traced thread's state; null before its first block and after a fork.
extern constinit thread_local ThreadState* tls_state __attribute__((tls_model("initial-exec")));

inline Thread* thread_of(ThreadState* s) { return static_cast<Thread*>(s->owner); }

}  // namespace tracectl::plugin
