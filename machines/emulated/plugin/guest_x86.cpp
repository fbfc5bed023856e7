// SPDX-License-Identifier: MIT
// x86-64: instructions, registers, signal frames, system calls.
#include <elf.h>

#include <cstring>

#include "backends/intel_pt/insn.hpp"
#include "machines/emulated/plugin/flow.hpp"
#include "machines/emulated/plugin/guest_memory.hpp"
#include "machines/emulated/plugin/x86.hpp"

namespace tracectl::plugin {
namespace {

using decode::BranchKind;

// Guest general registers by x86's own numbering: env begins with them.
enum Register { kRax = 0, kRcx = 1, kRdx = 2, kRsp = 4, kRsi = 6, kRdi = 7 };
uint64_t reg(const void* env, Register r) { return static_cast<const uint64_t*>(env)[r]; }

Ending ending_of(BranchKind k) {
  switch (k) {
    case BranchKind::cond:
      return Ending::cond;
    case BranchKind::jump:
      return Ending::direct;
    case BranchKind::call:
      return Ending::call;
    case BranchKind::indirect_jump:
      return Ending::indirect;
    case BranchKind::indirect_call:
      return Ending::indirect_call;
    case BranchKind::ret:
      return Ending::ret;
    case BranchKind::syscall:
      return Ending::syscall;
    case BranchKind::far:
      return Ending::far;
    case BranchKind::none:
      break;
  }
  return Ending::none;
}

GuestInsn decode(uint64_t address, size_t room) {
  const auto insn = intel_pt::decode_insn(guest_pointer<const uint8_t>(address), room < 15 ? room : 15, address);
  return {insn.size, ending_of(insn.kind), insn.rep, insn.target};
}

void plan_ends(Block& b) {
  const bool cond = b.ending == Ending::cond, near = b.ending <= Ending::cond;
  b.bits = cond ? 1 : 0;
  b.next[0] = !near ? kNowhere : b.ending == Ending::direct ? b.target : b.fall;
  b.next[1] = cond ? b.target : b.next[0];
}

bool follows_syscall(uint64_t pc) {
  if ((pc & 4095) < 2) return true;  // the bytes in front may not be there
  const auto* code = guest_pointer<const uint8_t>(pc);
  return code[-2] == 0x0f && code[-1] == 0x05;
}

// asm/unistd_64.h
Call call_of(int64_t number) {
  switch (number) {
    case 9:
      return Call::mmap;
    case 10:
    case 329:  // pkey_mprotect
      return Call::mprotect;
    case 11:
      return Call::munmap;
    case 13:
      return Call::rt_sigaction;
    case 25:
      return Call::mremap;
    case 56:
      return Call::clone;
    case 57:
    case 58:
      return Call::fork;
    case 59:
      return Call::execve;
    case 60:
      return Call::exit;
    case 157:
      return Call::prctl;
    case 231:
      return Call::exit_group;
    case 322:
      return Call::execveat;
    default:
      return Call::other;
  }
}

uint64_t stack(const void* env) { return reg(env, kRsp); }
uint64_t return_address(const void* env) { return load64(reg(env, kRsp)); }
// The return popped its address (8 bytes), and with `ret imm16` its arguments too.
bool returns(const ReturnProbe& p, uint64_t ip, uint64_t stack) {
  return p.address == ip && stack > p.stack && stack - p.stack <= 8 + 0xffff;
}
// The call put its return address where an older one lay.
bool overlaid(const ReturnProbe& p, uint64_t stack, uint64_t) { return p.stack == stack; }

// A handler's first block: is this a delivery? The frame on the stack must be QEMU's own.
bool is_delivery(const Block* b, const void* env) {
  const uint64_t signal = reg(env, kRdi), stack = reg(env, kRsp);
  if (signal == 0 || signal > 64 || reg(env, kRdx) != stack + 8) return false;
  const auto& h = g.handlers[signal];
  return h.handler == b->pc && load64(stack) == h.restorer;
}

// Frame: return address, then ucontext with flags, link, stack (40 bytes) and the registers,
// rip the seventeenth (asm/sigcontext.h).
Interruption interruption(const Block* b, const void* env) {
  if ((b->flags & kHandler) == 0 || !is_delivery(b, env)) return {};
  const uint64_t signal = reg(env, kRdi);
  return {true, is_fault_signal(signal), load64(reg(env, kRsp) + 8 + 40 + 16 * 8), static_cast<unsigned>(signal)};
}

// mov $imm32 and $imm8 to a register, xor of a register with itself, mov from register to register; those with REX.B
// write others. Source: Intel SDM vol. 2, appendix A.
void follow_move(const uint8_t* code, const void* env, CallAhead& call) {
  const uint8_t rex = (*code & 0xf0) == 0x40 ? *code++ : 0;
  const uint8_t op = *code++, modrm = *code, rm = modrm & 7, other = (modrm >> 3 & 7) | (rex & 4) << 1;
  const auto set = [&](unsigned r, uint64_t value) {
    if (r == kRax) call.number = value;
    if (r == kRdi) call.argument = value;
  };
  uint32_t imm = 0;
  if ((rex & 1) != 0) return;
  if ((op & 0xf8) == 0xb8) {
    std::memcpy(&imm, code, sizeof imm);
    set(op & 7, imm);
  } else if (op == 0xb0) {
    set(kRax, modrm);
  } else if (op == 0xc7 && modrm >> 3 == 0x18) {
    std::memcpy(&imm, code + 1, sizeof imm);
    set(rm, imm);
  } else if (op == 0x31 && modrm >> 6 == 3 && rm == other) {
    set(rm, 0);
  } else if (op == 0x89 && modrm >> 6 == 3) {
    set(rm, reg(env, static_cast<Register>(other)));
  }
}

CallAhead call_ahead(const Block* b, const void* env) {
  CallAhead call{reg(env, kRax), reg(env, kRdi)};
  for (uint64_t at = b->pc; at < b->last;) {
    const GuestInsn insn = decode(at, b->last - at);
    if (insn.size == 0) break;
    if (insn.size > 1) follow_move(guest_pointer<const uint8_t>(at), env, call);
    at += insn.size;
  }
  return call;
}

void attached(ThreadState*, int32_t) {}

}  // namespace

const Guest kX86Guest = {"x86_64",        EM_X86_64,  59,         tracectl_block_entry, decode,   plan_ends,
                         follows_syscall, call_of,    stack,      return_address,       returns,  overlaid,
                         interruption,    call_ahead, settle_x86, unexplained_x86,      attached, sync_pt,
                         start_pt,        stop_pt,    overflow_pt};

}  // namespace tracectl::plugin
