// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/blocks.hpp"

#include "machines/emulated/plugin/code.hpp"
#include "machines/emulated/plugin/flow.hpp"
#include "machines/emulated/plugin/guest_memory.hpp"
#include "machines/emulated/plugin/qemu_api.hpp"
#include "machines/emulated/plugin/translation.hpp"
#include "machines/emulated/plugin/watch.hpp"

namespace tracectl::plugin {
namespace {

constexpr uint64_t kPageMask = ~4095ull;

// Walks the block's instructions in guest memory; adds each address to `addresses`.
// QEMU 7.2 still lists an instruction that it gave back because it crosses the end of the
// page of the block's first byte (target/i386/tcg/translate.c, i386_tr_translate_insn): the
// first instruction alone may do that.
Block describe(const qemu_plugin_tb* tb, std::vector<uint64_t>& addresses) {
  Block b;
  b.pc = b.fall = b.last = qemu_plugin_tb_vaddr(tb);
  const size_t n = qemu_plugin_tb_n_insns(tb);
  uint64_t at = b.pc;
  for (size_t i = 0; i < n; ++i) {
    const uint64_t room = ((at & kPageMask) == (b.pc & kPageMask) && i > 0) ? (b.pc & kPageMask) + 4096 - at : 15;
    const auto insn = g.guest->decode(at, room);
    if (insn.size == 0) break;
    if (i > 0 && ((at + insn.size - 1) & kPageMask) != (b.pc & kPageMask)) break;
    addresses.push_back(at);
    b.last = at;
    b.insns = static_cast<uint32_t>(i + 1);
    b.ending = insn.ending;
    b.target = insn.target;
    b.rep = insn.rep;
    at += insn.size;
    b.fall = at;
    if (insn.ending != Ending::none) break;
  }
  g.guest->plan_ends(b);
  return b;
}

bool same(const Block& a, const Block& b) {
  return a.pc == b.pc && a.fall == b.fall && a.last == b.last && a.target == b.target && a.insns == b.insns &&
         a.ending == b.ending && a.rep == b.rep;
}

// The kept block equal to `made`, or a new one. Under g.mutex.
Block* intern(const Block& made) {
  const auto [first, last] = g.blocks.equal_range(made.pc);
  for (auto at = first; at != last; ++at)
    if (same(*at->second, made)) return at->second;
  return g.blocks.emplace(made.pc, new Block(made))->second;
}

bool is_handler(uint64_t pc) {
  for (const auto& h : g.handlers)
    if (h.handler == pc) return true;
  return false;
}

// QEMU goes on with single instructions that write memory where it stopped a block.
bool is_single(const Block& b, bool no_file) {
  const bool pushes = b.ending == Ending::call || b.ending == Ending::indirect_call;
  return b.insns == 1 && (b.ending == Ending::none || (no_file && pushes));
}

}  // namespace

void mark_block(Block& b) {
  const bool no_file = !lies_in_file(b.pc, b.fall);
  if (no_file) __atomic_store_n(&b.since, 0, __ATOMIC_RELAXED);  // other bytes, perhaps
  b.flags =
      static_cast<uint8_t>((g.sites.count(b.pc) != 0 ? kSiteAtStart : 0) | (is_handler(b.pc) ? kHandler : 0) |
                           (g.log[0] != 0 ? kLogged : 0) | (no_file ? kNoFile : 0) | (is_single(b, no_file) ? kSingle : 0));
}

void on_translate(qemu_plugin_id_t, qemu_plugin_tb* tb) {
  static thread_local std::vector<uint64_t> addresses;
  addresses.clear();
  const Block made = describe(tb, addresses);
  Block* b = nullptr;
  bool seen = true;
  {
    const std::lock_guard lock(g.mutex);
    b = intern(made);
    mark_block(*b);
    seen = is_of_interest(*b, addresses);
    for (size_t i = 1; !g.sites.empty() && i < addresses.size(); ++i)
      if (g.sites.count(addresses[i]) != 0)
        qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, i), tracectl_insn_entry, 0,
                                               guest_pointer<void>(addresses[i]));
  }
  for (size_t i = 0; g.watched_accesses != 0 && i < addresses.size(); ++i)
    watch_instruction(qemu_plugin_tb_get_insn(tb, i), i + 1 < addresses.size() ? addresses[i + 1] : 0);
  if (seen) qemu_plugin_register_vcpu_tb_exec_cb(tb, g.guest->block_entry, 0, b);
}

void mark_handler(uint64_t pc) {
  const auto [first, last] = g.blocks.equal_range(pc);
  for (auto at = first; at != last; ++at) at->second->flags |= kHandler;
}

}  // namespace tracectl::plugin
