// SPDX-License-Identifier: MIT
// PacketReader: the packets of an ETMv4 or an ETE as the flow decoder asks for them, one after another.
//
// Units:  offsets are bytes from the begin of the trace.
// Errors: Kind::unsure is each packet that is cut short, or is not known here (speculation, Q, conditional instructions,
//         transactions, source addresses, cycle counts, AArch32's addresses): the trace is then left to OpenCSD.
// Source: ARM IHI 0064, chapter 6; Arm ARM, part D, "ETE: Trace Unit Generic Packet Protocol".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "backends/coresight/metadata.hpp"

namespace tracectl::coresight {

// The atoms of a header byte: the oldest in the highest of `count` bits, 1 is E. Count 0: it is none.
struct Atoms {
  uint32_t bits = 0;
  uint8_t count = 0;
};
extern const std::array<Atoms, 256> kAtoms;

struct TracePacket {
  enum class Kind : uint8_t {
    unsure,
    skipped,  // tells nothing that we ask for
    sync,
    info,
    on,
    time,  // value
    context,
    address,  // value; a context too, when `context`
    exception,
    other,  // nothing that we ask for, but it takes part in the order of those that wait
    discard,
    overflow,
  };
  Kind kind = Kind::unsure;
  bool context = false;        // it has one
  bool known = false;          // which tells the thread
  bool branch_target = false;  // exception: where it returns to is where the last branch led
  uint8_t exception = 0;       // its type
  uint32_t size = 0;           // bytes
  uint32_t thread = 0;
  uint64_t value = 0;
};

// How a unit's packets look.
struct PacketShape {
  bool ete = false, ignore = false;  // ignore: there is an Ignore packet
  bool thread_in_vmid = false;       // as Element::thread
  uint8_t context_id = 0, vmid = 0;  // bytes
};
// nullopt: its trace may take back what it said, or has packets that are not known here at all.
[[nodiscard]] std::optional<PacketShape> packet_shape(const TraceUnit& unit);

inline constexpr uint64_t kSyncSize = 12;  // bytes: eleven zeros, 0x80

class PacketReader {
 public:
  PacketReader(std::span<const uint8_t> trace, const PacketShape& shape) : trace_(trace), shape_(shape) {}
  // At a synchronization packet: nothing is known of what was in front.
  void start() { *this = PacketReader(trace_, shape_); }
  // The packet at `at`, which is no atom's and not behind the end.
  [[nodiscard]] TracePacket read(uint64_t at);

 private:
  using Kind = TracePacket::Kind;
  [[nodiscard]] TracePacket extension(uint64_t at) const;
  [[nodiscard]] TracePacket info(uint64_t at);
  [[nodiscard]] TracePacket time(uint64_t at);
  [[nodiscard]] TracePacket exception(uint64_t at) const;
  [[nodiscard]] TracePacket address(uint64_t at, uint8_t header);
  [[nodiscard]] TracePacket short_address(uint64_t at);
  [[nodiscard]] bool context(uint64_t at, TracePacket& out);
  [[nodiscard]] bool have(uint64_t at, uint64_t bytes) const { return trace_.size() - at >= bytes; }
  TracePacket push(uint64_t address, uint32_t size);

  std::span<const uint8_t> trace_;
  PacketShape shape_;
  std::array<uint64_t, 3> last_{};  // addresses, newest first
  uint64_t time_ = 0;
  bool timed_ = false;    // since the last Trace Info
  bool context_ = false;  // had one
};

// The next synchronization packet with a Trace Info behind it, as bytes look, at or behind `from`.
[[nodiscard]] std::optional<uint64_t> find_sync(std::span<const uint8_t> trace, uint64_t from);

}  // namespace tracectl::coresight
