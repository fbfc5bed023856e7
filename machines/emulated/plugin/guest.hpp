// SPDX-License-Identifier: MIT
// What differs between the processors that programs are built for: how instructions, registers, signal frames and
// system calls look, and which trace unit tells of them. One table each; QEMU's target name chooses at load.
//
// The path of every block is not in it: each processor has an entry of its own (plugin/hot.hpp), so that no
// block pays for the choice.
#pragma once

#include <cstddef>
#include <cstdint>

#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {

// One instruction. size 0: no valid one.
struct GuestInsn {
  uint8_t size = 0;
  Ending ending = Ending::none;
  bool rep = false;
  uint64_t target = 0;
};

// The system calls that change what the program is.
enum class Call : uint8_t {
  other,
  execve,
  execveat,
  clone,
  fork,  // vfork too
  exit,
  exit_group,
  mmap,
  munmap,
  mremap,
  mprotect,
  rt_sigaction,
  prctl
};

// ILL, TRAP, BUS, FPE, SEGV.
inline bool is_fault_signal(uint64_t signal) {
  return signal == 4 || signal == 5 || signal == 7 || signal == 8 || signal == 11;
}

// Is `b` a signal handler's first block, just delivered to? Then: which instruction was to be
// next, and whether that one itself faulted.
struct Interruption {
  bool delivered = false, fault = false;
  uint64_t ip = 0;
  unsigned signal = 0;
};

// Why a trace stops. Only the units of CoreSight say it: as an exception that is taken to the kernel, where
// nothing is traced.
enum class Stop : uint8_t {
  call,       // behind a system call: `ip` is 0
  trigger,    // a trigger, a word by hand, a time stamp that is due: in front of `ip`
  interrupt,  // an asynchronous signal; the buffer is handed over
  trap,       // SIGILL, SIGFPE
  debug,      // SIGTRAP
  fault       // SIGSEGV, SIGBUS
};

// A system call: its number and its first argument.
struct CallAhead {
  uint64_t number = 0, argument = 0;
};

struct Guest {
  const char* qemu_target;  // QEMU's name for it
  uint16_t elf_machine;
  int execve;                                          // its number
  void (*block_entry)(unsigned vcpu, void* data);      // QEMU's callback for each block
  GuestInsn (*decode)(uint64_t address, size_t room);  // `room`: bytes that may be read
  void (*plan_ends)(Block& b);                         // its `bits` and `next`
  bool (*follows_syscall)(uint64_t pc);
  Call (*call_of)(int64_t number);

  // Registers, at a block's start.
  uint64_t (*stack)(const void* env);
  // At a function's first instruction: where it returns to.
  uint64_t (*return_address)(const void* env);
  // Does a return to `ip`, with the stack pointer at `stack` now, end the probe's function?
  bool (*returns)(const ReturnProbe&, uint64_t ip, uint64_t stack);
  // A call begins with this stack pointer and return address: is the probe's frame gone?
  bool (*overlaid)(const ReturnProbe&, uint64_t stack, uint64_t address);
  Interruption (*interruption)(const Block* b, const void* env);
  // The system call that `b` ends with, as far as the moves of constants and registers in it tell.
  CallAhead (*call_ahead)(const Block* b, const void* env);

  // The trace unit. The predecessor `p` went on at `ip`: its last packet. False when nothing explains it.
  bool (*settle)(ThreadState* s, const Block* p, uint64_t ip);
  void (*unexplained)(ThreadState* s, const Block* p, uint64_t ip);  // a decoder can follow, all the same
  void (*attached)(ThreadState* s, int32_t tid);                     // a thread has its buffers
  void (*sync)(ThreadState* s, uint64_t ip);                         // decoding may start; ip 0: trace is off
  void (*start)(ThreadState* s, uint64_t ip);
  void (*stop)(ThreadState* s, uint64_t ip, Stop why);
  void (*overflow)(ThreadState* s, uint64_t ip);  // packets were dropped in front of `ip`, where trace goes on
};

extern const Guest kX86Guest, kA64Guest;

// The block was left before its end and goes on inside itself: QEMU steps over an atomic
// instruction, or translates again behind a store into its own code. Nothing to tell.
inline bool continues_inside(const Block* p, uint64_t ip) { return ip > p->pc && ip < p->fall; }

}  // namespace tracectl::plugin
