// SPDX-License-Identifier: MIT
// FlowWalk where the trace is only branches: TNT and TIP packets one behind the other, which is nearly all of it. They are
// read as bytes; what is not plain is left to the steps of flow_blocks.cpp.
#include <algorithm>
#include <cstddef>

#include "backends/intel_pt/flow_walk.hpp"

namespace tracectl::intel_pt {
namespace {

using decode::BranchKind;
using decode::FlowHops;
using decode::FlowPaths;

// The longest packet of these, and the opcode of the next.
constexpr std::ptrdiff_t kRoom = 9 + 2;
constexpr size_t kTnt64Size = 8;

bool is_plain(PacketKind kind) { return kind == PacketKind::tnt8 || kind == PacketKind::tnt64 || kind == PacketKind::tip; }

}  // namespace

// The walk from one node on, over plain packets. kCount: blocks are counted, not delivered.
template <bool kCount>
class PlainWalk {
 public:
  PlainWalk(FlowWalk& walk, decode::FlowNode* node)
      : walk_(walk), code_(walk.programs_.code()), paths_(code_.paths), at_(paths_.hops(node)) {}
  ~PlainWalk() { walk_.delivery_.count_known(insns_); }
  PlainWalk(const PlainWalk&) = delete;
  PlainWalk& operator=(const PlainWalk&) = delete;
  [[nodiscard]] decode::FlowNode* node() const { return at_->node; }

  // Over all bits of a short TNT packet at once; false: they were not taken.
  bool short_bits(unsigned code, uint64_t offset) {
    const FlowHops::Hop hop = at_->by_code[code];
    if (hop.next == nullptr || !take(*hop.path, offset)) return false;
    at_ = hop.next;
    return true;
  }
  // Over the bits of a packet; those that are left need more care.
  void bits(TntBits& b, uint64_t offset) {
    while (b.left != 0) {
      const unsigned n = std::min(b.left, FlowPaths::kBits);
      const unsigned code = FlowPaths::code(b.bits, b.left, n);
      const FlowHops::Hop hop = at_->by_code[code];
      if (hop.next != nullptr) {
        if (!take(*hop.path, offset)) return;
        at_ = hop.next;
        b.left -= n;
      } else if (!part(b, code, offset)) {
        return;
      }
    }
  }
  // Does the branch here take an address?
  [[nodiscard]] bool wants_tip() const {
    const decode::FlowNode& from = *at_->node;
    return !from.broken && from.kind() >= BranchKind::indirect_jump;
  }
  // By a TIP packet; false: not here.
  bool tip(uint64_t to, uint64_t offset) {
    decode::FlowNode& from = *at_->node;
    decode::FlowEdge& edge = code_.graph.edge(from, to);
    if (edge.to->empty()) return false;
    if (from.kind() == BranchKind::indirect_call) walk_.stack_.push(from.end());
    leave(edge, offset);
    return true;
  }
  // Something is next that is not done here.
  [[nodiscard]] bool careful() const { return careful_; }

 private:
  bool take(decode::FlowPath& path, uint64_t offset) {
    if (!walk_.push_all(path)) return false;
    if (kCount) {
      paths_.count(path);
      insns_ += path.insns;
    } else {
      walk_.delivery_.on_known(path.all(), path.insns, offset);
    }
    return true;
  }
  void leave(decode::FlowEdge& edge, uint64_t offset) {
    if (kCount) {
      paths_.count(edge);
      insns_ += edge.block.insns;
    } else {
      walk_.delivery_.on_known({&edge.block, 1}, edge.block.insns, offset);
    }
    at_ = paths_.hops(edge.to);
    // What needs no trace still belongs to this packet.
    if (!kCount && (edge.to->kind() == BranchKind::jump || edge.to->kind() == BranchKind::call)) direct(*edge.to, offset);
  }
  void direct(decode::FlowNode& node, uint64_t offset) {
    constexpr unsigned kNoBits = 1;
    decode::FlowPath& path = paths_.at(&node, kNoBits);
    careful_ = path.size == 0 || !take(path, offset);
    at_ = paths_.hops(careful_ ? &node : path.to);
  }
  // A way that is new, or that ends before its bits do: in front of a return by the stack.
  bool part(TntBits& b, unsigned code, uint64_t offset) {
    decode::FlowNode* const node = at_->node;
    decode::FlowPath& path = paths_.at(node, code);
    if (path.bits == 0 && !path.returns) return back_to(node);
    if (path.size != 0 && !take(path, offset)) return back_to(node);
    b.left -= path.bits;
    uint64_t to = 0;
    if (!path.returns) {
      at_ = paths_.hops(path.to);
      return true;
    }
    if (!walk_.stack_.peek(to)) return back_to(path.to);
    decode::FlowEdge& edge = code_.graph.edge(*path.to, to);
    if (edge.to->empty()) return back_to(path.to);
    walk_.stack_.drop();
    --b.left;
    leave(edge, offset);
    return !careful_;
  }
  // paths_.at() may have forgotten all hops.
  bool back_to(decode::FlowNode* node) {
    at_ = paths_.hops(node);
    return false;
  }

  FlowWalk& walk_;
  decode::FlowCode& code_;
  FlowPaths& paths_;
  FlowHops* at_;
  bool careful_ = false;
  uint64_t insns_ = 0;  // counted
};

template <bool kCount>
bool FlowWalk::plain_by(decode::FlowNode*& node) {
  delivery_.begin_known(node->ip());
  PlainWalk<kCount> walk(*this, node);
  const uint8_t* const first = packets_.here();
  const uint8_t* const end = packets_.end();
  const uint8_t* at = first;
  TntBits bits;
  while (bits.left == 0 && end - at >= kRoom && !walk.careful() && (kCount || delivery_.go())) {
    const PacketKind kind = packet_kind(at, end);
    const size_t payload = kind == PacketKind::tip ? kIpBytes[*at >> kIpShift] : 0;
    const uint8_t* const next = at + (kind == PacketKind::tip ? 1 + payload : kind == PacketKind::tnt64 ? kTnt64Size : 1);
    if (!is_plain(packet_kind(next, end))) break;
    const uint64_t offset = packets_.offset() + static_cast<uint64_t>(next - first);
    if (kind == PacketKind::tip) {
      if (payload < 2 || !walk.wants_tip() || !walk.tip(packets_.plain_ip(at), offset)) break;
    } else if (kind == PacketKind::tnt64 || !walk.short_bits(*at >> 1, offset)) {
      bits = tnt_bits(kind, at);
      if (bits.left == 0) break;
      walk.bits(bits, offset);
    }
    at = next;
  }
  packets_.skip_to(at, bits.bits, bits.left);
  node = walk.node();
  return at != first;
}

// False: it comes no further this way, or what is next is to be told in its order.
bool FlowWalk::plain(decode::FlowNode*& node) {
  if (ticks_ && packets_.time() != event_time_) return false;
  if (delivery_.counting()) return plain_by<true>(node);
  return !delivery_.counts() && plain_by<false>(node);
}

}  // namespace tracectl::intel_pt
