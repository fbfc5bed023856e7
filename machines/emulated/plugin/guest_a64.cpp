// SPDX-License-Identifier: MIT
// AArch64: instructions, registers, signal frames, system calls.
#include <elf.h>

#include <cstring>

#include "backends/coresight/a64.hpp"
#include "machines/emulated/plugin/a64.hpp"
#include "machines/emulated/plugin/flow.hpp"
#include "machines/emulated/plugin/guest_memory.hpp"

namespace tracectl::plugin {
namespace {

using coresight::A64Kind;

// env begins with the 16 registers of AArch32 (4 bytes each), then come x0 to x30 and sp.
// Source: CPUARMState in QEMU's target/arm/cpu.h.
constexpr size_t kX0 = 64;
constexpr unsigned kFrame = 29, kLink = 30, kSp = 31;
uint64_t reg(const void* env, unsigned r) {
  uint64_t value = 0;
  std::memcpy(&value, static_cast<const char*>(env) + kX0 + size_t{8} * r, sizeof value);
  return value;
}

Ending ending_of(A64Kind k) {
  switch (k) {
    case A64Kind::cond:
      return Ending::cond;
    case A64Kind::jump:
    case A64Kind::isb:  // an E atom, and straight on
      return Ending::direct;
    case A64Kind::call:
      return Ending::call;
    case A64Kind::indirect_jump:
      return Ending::indirect;
    case A64Kind::indirect_call:
      return Ending::indirect_call;
    case A64Kind::ret:
      return Ending::ret;
    case A64Kind::svc:
      return Ending::syscall;
    case A64Kind::exception:
    case A64Kind::eret:
      return Ending::far;
    case A64Kind::other:
      break;
  }
  return Ending::none;
}

GuestInsn decode(uint64_t address, size_t room) {
  if (room < coresight::kA64Size) return {};
  uint32_t word = 0;
  std::memcpy(&word, guest_pointer<const void>(address), sizeof word);
  const auto insn = coresight::decode_a64(word, address);
  return {coresight::kA64Size, ending_of(insn.kind), false, insn.target};
}

// A branch is an atom, whether it could have gone another way or not. A call is no more than that while nothing
// has to remember where it returns to.
void plan_ends(Block& b) {
  const bool call = b.ending == Ending::call && g.config.return_compression == 0;
  const bool branch = b.ending == Ending::cond || b.ending == Ending::direct || call;
  b.bits = branch ? 1 : 0;
  b.next[0] = b.ending == Ending::none || b.ending == Ending::cond ? b.fall : kNowhere;
  b.next[1] = branch ? b.target : b.next[0];
}

bool follows_syscall(uint64_t pc) {
  if ((pc & 4095) < coresight::kA64Size) return true;  // the bytes in front may not be there
  return decode(pc - coresight::kA64Size, coresight::kA64Size).ending == Ending::syscall;
}

// asm-generic/unistd.h
Call call_of(int64_t number) {
  switch (number) {
    case 93:
      return Call::exit;
    case 94:
      return Call::exit_group;
    case 134:
      return Call::rt_sigaction;
    case 167:
      return Call::prctl;
    case 215:
      return Call::munmap;
    case 216:
      return Call::mremap;
    case 220:
      return Call::clone;
    case 221:
      return Call::execve;
    case 222:
      return Call::mmap;
    case 226:
    case 288:  // pkey_mprotect
      return Call::mprotect;
    case 281:
      return Call::execveat;
    default:
      return Call::other;
  }
}

uint64_t stack(const void* env) { return reg(env, kSp); }
uint64_t return_address(const void* env) { return reg(env, kLink); }
bool returns(const ReturnProbe& p, uint64_t ip, uint64_t stack) { return p.address == ip && p.stack == stack; }
// A frame below the stack pointer is gone; so is the one of a call from the same place, for it did not return.
bool overlaid(const ReturnProbe& p, uint64_t stack, uint64_t address) {
  return p.stack < stack || (p.stack == stack && p.address == address);
}

// The frame at sp: siginfo (128 bytes), then the ucontext: flags, link, stack, a signal mask of 128 bytes, and at a
// multiple of 16 the mcontext. x29 points at a frame record further up that repeats the interrupted x29 and x30: a
// function that was called has none of the kind. (x1 and x2 are set only with SA_SIGINFO; the handler may have a stack
// of its own, anywhere.) Behind the mcontext's registers, at a multiple of 16, lie those of the floating-point unit.
// Source: arch/arm64/kernel/signal.c; asm/ucontext.h, asm/sigcontext.h.
struct Mcontext {
  uint64_t fault_address, x[31], sp, pc, pstate, padding;
  uint32_t next;
};
constexpr uint32_t kFpsimd = 0x46508001;  // FPSIMD_MAGIC

Interruption interruption(const Block* b, const void* env) {
  constexpr uint64_t kMcontext = 128 + 176;
  if ((b->flags & kHandler) == 0) return {};
  const uint64_t signal = reg(env, 0), frame = reg(env, kSp), record = reg(env, kFrame);
  if (signal == 0 || signal > 64 || g.handlers[signal].handler != b->pc || record <= frame + kMcontext) return {};
  Mcontext saved{};
  uint64_t repeated[2] = {};
  if (!read_guest(frame + kMcontext, &saved, sizeof saved) || !read_guest(record, repeated, sizeof repeated)) return {};
  if (saved.next != kFpsimd || repeated[0] != saved.x[kFrame] || repeated[1] != saved.x[kLink]) return {};
  return {true, is_fault_signal(signal), saved.pc, static_cast<unsigned>(signal)};
}

// MOVZ, MOVK; MOV from a register, and UXTW, which is how syscall(3) has its number.
// Source: Arm ARM, C4.1.92 "Data Processing -- Immediate", C4.1.94 "Data Processing -- Register".
void follow_move(uint32_t word, const void* env, CallAhead& call) {
  const unsigned to = word & 31, from = word >> 16 & 31, shift = (word >> 21 & 3) * 16;
  if (to != 8 && to != 0) return;
  uint64_t& value = to == 8 ? call.number : call.argument;
  const uint64_t imm = uint64_t{word >> 5 & 0xffff} << shift;
  if ((word & 0x7f800000) == 0x52800000) value = imm;
  if ((word & 0x7f800000) == 0x72800000) value = (value & ~(uint64_t{0xffff} << shift)) | imm;
  if ((word & 0x7fe0ffe0) == 0x2a0003e0) value = from == 31 ? 0 : reg(env, from);
  if ((word & 0xfffffc00) == 0xd3407c00) value = static_cast<uint32_t>(reg(env, word >> 5 & 31));
}

CallAhead call_ahead(const Block* b, const void* env) {
  CallAhead call{reg(env, 8), reg(env, 0)};
  for (uint64_t at = b->pc; at < b->last; at += coresight::kA64Size) {
    uint32_t word = 0;
    std::memcpy(&word, guest_pointer<const void>(at), sizeof word);
    follow_move(word, env, call);
  }
  return call;
}

// CONTEXTIDR_EL1 holds the thread's id, as with CONFIG_PID_IN_CONTEXTIDR.
void attached(ThreadState* s, int32_t tid) {
  s->etm.context_id = static_cast<uint32_t>(tid);
  s->etm.with_context_id = g.config.context_id;
}

}  // namespace

const Guest kA64Guest = {"aarch64",       EM_AARCH64, 221,         tracectl_a64_block_entry, decode,   plan_ends,
                         follows_syscall, call_of,    stack,       return_address,           returns,  overlaid,
                         interruption,    call_ahead, settle_a64,  unexplained_a64,          attached, sync_etm,
                         start_etm,       stop_etm,   overflow_etm};

}  // namespace tracectl::plugin
