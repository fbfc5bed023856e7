// SPDX-License-Identifier: MIT
#include "backends/intel_pt/insn.hpp"

#include <Zydis/Zydis.h>

namespace tracectl::intel_pt {
namespace {

using decode::BranchKind;

const ZydisDecoder& decoder() {
  static const ZydisDecoder d = [] {
    ZydisDecoder x;
    ZydisDecoderInit(&x, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return x;
  }();
  return d;
}

// Zydis lists them as conditional branches. xbegin and xend transfer control only by an abort; the other two are of
// processors that have no Intel PT, and elsewhere no instructions.
bool is_odd(ZydisMnemonic m) {
  return m == ZYDIS_MNEMONIC_XBEGIN || m == ZYDIS_MNEMONIC_XEND || m == ZYDIS_MNEMONIC_JKZD || m == ZYDIS_MNEMONIC_JKNZD;
}

BranchKind kind_of(const ZydisDecodedInstruction& insn, bool relative) {
  const bool far = insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
  switch (insn.meta.category) {
    case ZYDIS_CATEGORY_COND_BR:
      return is_odd(insn.mnemonic) ? BranchKind::none : BranchKind::cond;
    case ZYDIS_CATEGORY_UNCOND_BR:
      if (insn.mnemonic == ZYDIS_MNEMONIC_XABORT) return BranchKind::none;
      return far ? BranchKind::far : relative ? BranchKind::jump : BranchKind::indirect_jump;
    case ZYDIS_CATEGORY_CALL:
      return far ? BranchKind::far : relative ? BranchKind::call : BranchKind::indirect_call;
    case ZYDIS_CATEGORY_RET:
      if (insn.mnemonic == ZYDIS_MNEMONIC_RET && !far) return BranchKind::ret;
      return BranchKind::far;
    case ZYDIS_CATEGORY_SYSCALL:
      return BranchKind::syscall;
    case ZYDIS_CATEGORY_SYSRET:
    case ZYDIS_CATEGORY_INTERRUPT:
      return BranchKind::far;
    case ZYDIS_CATEGORY_VTX: {
      const auto m = insn.mnemonic;
      const bool leaves = m == ZYDIS_MNEMONIC_VMCALL || m == ZYDIS_MNEMONIC_VMLAUNCH || m == ZYDIS_MNEMONIC_VMRESUME;
      return leaves ? BranchKind::far : BranchKind::none;
    }
    default:
      return BranchKind::none;
  }
}

uint8_t special_of(const ZydisDecodedInstruction& insn, const ZydisDecodedOperand* ops) {
  switch (insn.mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
      return ops[0].type == ZYDIS_OPERAND_TYPE_REGISTER && ops[0].reg.value == ZYDIS_REGISTER_CR3 ? kWritesCr3 : 0;
    case ZYDIS_MNEMONIC_VMPTRLD:
      return kLoadsVmcs;
    case ZYDIS_MNEMONIC_PTWRITE:
      return kPtwrites;
    case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1:
      return kFaults;
    case ZYDIS_MNEMONIC_CALL:
      return insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ? kFarCall : 0;
    case ZYDIS_MNEMONIC_INT:
    case ZYDIS_MNEMONIC_INT1:
    case ZYDIS_MNEMONIC_INT3:
    case ZYDIS_MNEMONIC_INTO:
    case ZYDIS_MNEMONIC_SYSCALL:
    case ZYDIS_MNEMONIC_SYSENTER:
    case ZYDIS_MNEMONIC_VMCALL:
      return kFarCall;
    default:
      return 0;
  }
}

bool is_rep_string(const ZydisDecodedInstruction& insn) {
  constexpr ZydisInstructionAttributes kRep = ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;
  return (insn.attributes & kRep) != 0;
}

}  // namespace

Insn decode_insn(const uint8_t* bytes, size_t size, uint64_t ip) {
  Insn out;
  ZydisDecodedInstruction insn;
  ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
  if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder(), bytes, size, &insn, ops))) return out;
  out.size = insn.length;
  const bool relative = insn.operand_count > 0 && ops[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && ops[0].imm.is_relative;
  out.kind = kind_of(insn, relative);
  out.rep = is_rep_string(insn);
  out.special = special_of(insn, ops);
  if (relative) {
    ZyanU64 target = 0;
    if (ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&insn, &ops[0], ip, &target))) out.target = target;
  }
  return out;
}

}  // namespace tracectl::intel_pt
