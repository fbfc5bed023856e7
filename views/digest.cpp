// SPDX-License-Identifier: MIT
#include "views/digest.hpp"

#include <fmt/format.h>

namespace tracectl::views {

const Digest::Addresses& Digest::addresses_of(const decode::Stamp& stamp, const decode::Block& b) {
  if (context_.locator->stale(stamp.time)) {
    context_.locator->advance(stamp.time);
    known_.clear();
  }
  Addresses& known = known_[b.ip];
  if (known.size() == b.insns && known.back() == b.last) return known;
  known.clear();
  uint64_t ip = b.ip;
  for (uint32_t i = 0; i < b.insns; ++i) {
    known.push_back(ip);
    const auto code = context_.locator->code(ip, stamp.time);
    const uint8_t size = code.empty() ? 0 : length_of(length_, code, ip, b.isa);
    ip = size == 0 || i + 2 == b.insns ? b.last : ip + size;
  }
  return known;
}

bool Digest::on_block(const decode::Stamp& stamp, const decode::Block& b) {
  if (b.insns == 0) return true;
  for (const uint64_t address : addresses_of(stamp, b)) hash_ = (hash_ ^ address) * 0x100000001b3ull;
  count_ += b.insns;
  return true;
}

void Digest::finish() { out_.line(fmt::format("{} {} {:016x}", context_.tid, count_, hash_)); }

}  // namespace tracectl::views
