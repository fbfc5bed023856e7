// SPDX-License-Identifier: MIT
// Tree: OpenCSD's decode tree as elements of ours (OpenCSD's only door).
//
// Shape:  one tree takes one kind of trace: bytes of one unit as they are, or CoreSight's 16-byte frames, out of which
//         it takes the trace of its units.
// Units:  offsets are bytes from the begin of the trace that is fed.
// Errors: units that OpenCSD refuses. Damage in the trace is an error element with OpenCSD's words; decoding goes on at
//         the next synchronization packet.
// Source: OpenCSD 1.3.3, docs/prog_guide; Arm ARM, "Embedded Trace Extension"; ARM IHI 0064 (ETMv4), IHI 0035 (PFT),
//         IHI 0014 (ETMv3), IHI 0029 (frames).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "backends/coresight/metadata.hpp"
#include "core/result.hpp"
#include "decode/decoder.hpp"
#include "decode/item.hpp"

namespace tracectl::coresight {

struct Element {
  enum class Kind : uint8_t {
    range,      // instructions from address up to `end`
    unclear,    // instructions were executed whose path the trace does not tell: address, end
    on,         // trace starts, or goes on behind instructions that are not traced: `known`
    overflow,   // the same, behind an overflow of the trace unit; not `known`: the overflow itself
    exception,  // address: where it returns to, when `known`; `call`: a system call's
    no_memory,  // address: of code that the client did not have
    context,    // thread: the context id, when `known`
    time,       // time: what came before happened before it; as the trace counts
    unsynced,   // waits for a synchronization packet; words: what for, where it is damage
    error,      // words; `end`: offset at which decoding goes on
  };
  Kind kind = Kind::unsynced;
  uint64_t offset = 0;
  uint64_t address = 0, end = 0;
  uint32_t insns = 0;
  decode::Isa isa = decode::Isa::a64;
  uint8_t last_size = 0;
  decode::BranchKind branch = decode::BranchKind::none;
  bool taken = false, known = false, call = false;
  uint32_t thread = 0;
  uint64_t time = 0;
  std::string words;
};

class TreeClient {
 public:
  virtual ~TreeClient() = default;
  virtual bool on_element(const Element&) = 0;  // false stops the tree
  // Code at `address`: the number of bytes, from the first on, that there are.
  virtual uint32_t read(uint64_t address, std::span<uint8_t> out) = 0;
};

class Tree {
 public:
  static Result<Tree> create(std::span<const TraceUnit> units, bool frames);
  Tree(Tree&&) noexcept;
  Tree& operator=(Tree&&) noexcept;
  ~Tree();
  // One piece of trace, from a reset to its end.
  void feed(std::span<const std::byte> trace, TreeClient& client);
  // The same in steps, for a piece that OpenCSD decodes in parts. What it tells at the end is of all its parts.
  void begin(std::span<const std::byte> trace, TreeClient& client);
  // From a reset on, at `at`: a frame's begin, where the frames are then first those of `id`.
  void start(uint64_t at, uint8_t id);
  void advance(uint64_t to);
  void stop();
  void finish();

 private:
  struct Impl;
  explicit Tree(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

// The packets of one piece of trace, until fn returns false.
Result<> list_packets(std::span<const TraceUnit> units, bool frames, std::span<const std::byte> trace,
                      const std::function<bool(const decode::PacketText&)>& fn);

}  // namespace tracectl::coresight
