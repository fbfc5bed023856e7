// SPDX-License-Identifier: MIT
// Item: what a decoder says. A trace is a sequence of blocks, events and losses; an error
// in a trace is an item, never an abort.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/loss.hpp"

namespace tracectl::decode {

// What the last instruction of a block does to control flow.
enum class BranchKind : uint8_t {
  none,  // falls through (the block was cut for another reason)
  cond,  // conditional jump, loop, jrcxz; cbz, tbz, b.cond
  jump,  // direct jump
  call,  // direct call
  indirect_jump,
  indirect_call,
  ret,
  syscall,  // system call instruction
  far,      // far call, far return, interrupt return, software interrupt
};

// Instruction sets.
enum class Isa : uint8_t { x86_64, a64, a32, t32 };

struct Turn;  // schedule.hpp

// Where and when.
struct Stamp {
  uint64_t time = 0;  // ns of the perf clock, the last one known; 0: none yet
  int32_t pid = -1, tid = -1, cpu = -1;
  uint64_t offset = 0;         // position in the stream, bytes
  const Turn* turn = nullptr;  // whose; nullptr: not told
};

// A run of instructions executed in sequence; only the last may branch.
// Instructions: `rep` counts once; a faulting instruction is not part of any block.
struct Block {
  uint64_t ip = 0;        // first instruction
  uint64_t last = 0;      // last instruction
  uint32_t insns = 0;     // how many
  uint8_t last_size = 0;  // bytes of the last instruction
  BranchKind kind = BranchKind::none;
  bool taken = false;  // control did not fall through: known once the next block is
  uint64_t to = 0;     // where control went; 0 when the trace does not say (pause, end, error)
  Isa isa = Isa::x86_64;
};

struct Event {
  enum class Kind : uint8_t {
    enabled,         // trace starts here (TIP.PGE): ip
    disabled,        // trace stops behind a branch (TIP.PGD): to, if known
    async_disabled,  // trace stops before ip
    async_branch,    // interrupt or signal: from ip to `to`
    overflow,        // internal buffer overflow; trace continues at ip
    gap,             // mode = ring: `to` bytes in front of here were not kept
    exec_mode,       // MODE.Exec changed
    switched,        // what follows is of another thread or program; not in the trace: see views/follow.hpp
    other,
  };
  Kind kind = Kind::other;
  uint64_t ip = 0, to = 0;
  const char* name = "";  // static text
};

struct Loss {
  LossKind kind = LossKind::undecodable;
  uint64_t ip = 0;     // last address known
  uint64_t bytes = 0;  // trace bytes skipped, where known
  std::string what;    // the decoder's own words
};

// Receives the items of one stream in order.
class ItemSink {
 public:
  virtual ~ItemSink() = default;
  // Returning false stops the decoder (`| head`, --last, --limit).
  virtual bool on_block(const Stamp&, const Block&) = 0;
  // Blocks one behind the other, all at one time and position; for who can take many at once.
  virtual bool on_blocks(const Stamp& stamp, std::span<const Block> blocks) {
    for (const Block& block : blocks)
      if (!on_block(stamp, block)) return false;
    return true;
  }
  // The same, for blocks that stay where they are for as long as their decoder says.
  virtual bool on_lasting(const Stamp& stamp, std::span<const Block> blocks) { return on_blocks(stamp, blocks); }
  // True: of blocks only how often each ran is wanted. A decoder may then give those that lead one to the other with
  // on_counted(), later and once for all their passes; events, losses and other blocks come as ever.
  [[nodiscard]] virtual bool counts_only() const { return false; }
  virtual void on_counted(const Stamp& stamp, std::span<const Block> blocks, uint64_t times) {
    for (; times != 0; --times) (void)on_blocks(stamp, blocks);
  }
  virtual bool on_event(const Stamp&, const Event&) = 0;
  virtual bool on_loss(const Stamp&, const Loss&) = 0;
};

}  // namespace tracectl::decode
