// SPDX-License-Identifier: MIT
// The messages on the session's socket: what a traced program's plugin asks of the launcher, and what it is answered.
// Each message opens a connection of its own (protocol.hpp).
//
// Source: unix(7).
#pragma once

#include <cstdint>

#include "core/filter.hpp"
#include "machines/emulated/protocol.hpp"

namespace tracectl::emulated {

inline constexpr uint32_t kMaxPath = 4096;
inline constexpr uint32_t kMaxMessage = 128 * 1024;

enum class Request : uint32_t { hello = 1, thread = 2, module = 3, code = 4 };

struct RequestHeader {
  Request what;
  uint32_t version;
  int32_t pid, tid;
};

// hello → HelloReply, triggers, filter ops and texts; the session page as descriptor.
struct HelloRequest {
  RequestHeader h;
  uint32_t exec;  // 1: this program replaced a traced one
};

struct WireTrigger {
  uint8_t kind;    // TriggerKind
  uint8_t action;  // Action
  uint8_t syscall_exit;
  uint8_t raw_syscall;  // raw_syscalls:*: every call
  int32_t syscall_nr;
  uint64_t address;  // form address, else 0
  uint64_t limit;    // ~0: none
  uint64_t period;
  uint64_t snapshot_size;               // do = snapshot: bytes
  uint32_t filter_first, filter_count;  // into the filter ops of the reply
  uint32_t pool_offset;                 // of this trigger's texts
  uint8_t access;                       // BreakAccess
  uint8_t len;                          // bytes that a watchpoint watches
  uint16_t reserved;
};

struct HelloReply {
  uint32_t version;
  uint32_t trigger_count, filter_count, pool_size;
  uint32_t start_paused;
  uint32_t follow;
  uint32_t elf_machine;  // of the programs that this QEMU runs
  uint32_t time;         // time stamps wanted
  uint32_t return_compression;
  uint32_t context_id;    // CoreSight: in its contexts
  uint32_t restarts;      // each PERF_RECORD_AUX holds a trace of its own, from a sync on (CoreSight)
  uint32_t ring;          // mode = ring: old trace is written over, kept at a snapshot
  uint32_t keep_end;      // ring: and at the end of each thread
  uint32_t on_full;       // OnFull
  uint32_t idle_blocks;   // blocks of a pause after which they are let alone; 0: never
  uint32_t fixed_idle;    // tests: and that number stays
  uint64_t sync_bytes;    // distance of PSBs, A-syncs
  uint64_t aux_flags;     // of PERF_RECORD_AUX: its format
  uint64_t wakeup;        // aux_watermark, bytes
  uint64_t window_limit;  // [limits] windows; ~0: none
  char qemu[kMaxPath];    // for execve
  char plugin[kMaxPath];
  char sysroot[kMaxPath];  // QEMU's -L; empty: none
};

enum class ThreadOrigin : uint32_t { program = 0, fork = 1, clone = 2 };

struct ThreadRequest {
  RequestHeader h;
  ThreadOrigin origin;
  int32_t parent_pid, parent_tid;
};

// thread → ThreadReply and the thread's memfd.
struct ThreadReply {
  uint32_t idx;
  uint32_t refused;  // 1: no buffer to be had
  uint64_t data_size, aux_size;
};

// module → ModuleReply, then `count` WireSites.
struct ModuleRequest {
  RequestHeader h;
  char path[kMaxPath];
};

struct WireSite {
  uint32_t trigger;
  uint32_t data;  // 1: TriggerSite::data
  uint64_t file_offset;
};

struct ModuleReply {
  uint32_t count;
  uint32_t build_id_size;
  uint8_t build_id[20];
  uint32_t reserved;
  uint64_t code_offset;  // ModuleAnswer
};

// code → CodeReply and the image file: `size` bytes at `offset` of it are the process's own, to
// be mapped and filled with code that lies in no file (docs/design/code-without-a-file.md).
struct CodeRequest {
  RequestHeader h;
};

struct CodeReply {
  uint64_t offset, size;
  char path[kMaxPath];  // as MMAP2 records name it
};

}  // namespace tracectl::emulated
