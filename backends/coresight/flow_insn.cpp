// SPDX-License-Identifier: MIT
#include "backends/coresight/flow_insn.hpp"

#include <cstring>

#include "backends/coresight/a64.hpp"

namespace tracectl::coresight {
namespace {

using decode::BranchKind;
using decode::FlowInsn;

constexpr bool in(uint32_t word, uint32_t mask, uint32_t value) { return (word & mask) == value; }

// BR, BLR, RET, ERET; with `pauth` those with pointer authentication.
bool known_register_branch(uint32_t word, bool pauth) {
  if (in(word, 0xffdffc1f, 0xd61f0000) || in(word, 0xfffffc1f, 0xd65f0000) || word == 0xd69f03e0) return true;
  return pauth && (in(word, 0xffdff800, 0xd71f0800) || in(word, 0xffdff81f, 0xd61f081f) ||
                   in(word, 0xfffffbff, 0xd69f0bff) || in(word, 0xfffffbff, 0xd65f0bff));
}

// Branches of newer architectures, and what no architecture defines: BC.cond, compare and branch, RETAASPPC, TSTART.
bool is_odd(uint32_t word, bool pauth) {
  if (in(word, 0xfe000000, 0xd6000000)) return !known_register_branch(word, pauth);
  return in(word, 0xff000010, 0x54000010) || in(word, 0xff000000, 0x55000000) || in(word, 0x7e000000, 0x74000000) ||
         in(word, 0xffffffe0, 0xd5233060);
}

// WFE, WFI, and with a timeout.
bool waits(uint32_t word) { return in(word, 0xffffffdf, 0xd503205f) || in(word, 0xffffffc0, 0xd5031000); }

BranchKind kind_of(A64Kind kind) {
  switch (kind) {
    case A64Kind::cond:
      return BranchKind::cond;
    case A64Kind::jump:
      return BranchKind::jump;
    case A64Kind::call:
      return BranchKind::call;
    case A64Kind::indirect_jump:
      return BranchKind::indirect_jump;
    case A64Kind::indirect_call:
      return BranchKind::indirect_call;
    case A64Kind::ret:
      return BranchKind::ret;
    case A64Kind::eret:
      return BranchKind::far;
    default:
      return BranchKind::none;
  }
}

template <bool kWaits, bool kPauth>
FlowInsn read_insn(const uint8_t* bytes, size_t size, uint64_t ip) {
  if (size < kA64Size) return {};
  uint32_t word = 0;
  std::memcpy(&word, bytes, kA64Size);
  const bool wait = kWaits && waits(word);
  if (is_odd(word, kPauth) || (wait && !in(word, 0xffffffdf, 0xd503205f))) return {};
  const A64 insn = decode_a64(word, ip);
  FlowInsn out{kA64Size, kind_of(insn.kind), 0, insn.target, insn.kind == A64Kind::isb || wait};
  if (out.ends) out.target = ip + kA64Size;
  return out;
}

}  // namespace

decode::ReadInsn a64_reader(const TraceUnit& unit) {
  // TRCIDR2.WFXMODE: WFI and WFE are traced as branches.
  const bool wait = (unit.idr2 >> 31 & 1) != 0;
  const bool pauth = !is_before_armv8_3(unit);
  if (wait) return pauth ? read_insn<true, true> : read_insn<true, false>;
  return pauth ? read_insn<false, true> : read_insn<false, false>;
}

}  // namespace tracectl::coresight
