// SPDX-License-Identifier: MIT
#include "decode/code_bytes.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tracectl::decode {

std::span<const uint8_t> CodeFiles::of(const std::string& path) {
  const auto [at, fresh] = files_.try_emplace(path);
  if (fresh)
    if (auto mapped = capture::MappedFile::open(path)) at->second = std::move(*mapped);
  const auto bytes = at->second.bytes();
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

void CodeBytes::add(const Section& s) {
  const auto file = files_.of(s.file);
  if (s.file_offset >= file.size() || s.size == 0) return;
  const uint64_t begin = s.address, end = begin + std::min<uint64_t>(s.size, file.size() - s.file_offset);
  if (end <= begin) return;
  auto at = parts_.upper_bound(begin);
  if (at != parts_.begin() && std::prev(at)->second.end > begin) --at;
  while (at != parts_.end() && at->first < end) {
    const auto [old_begin, old] = *at;
    at = parts_.erase(at);
    if (old_begin < begin) parts_[old_begin] = {begin, old.bytes};
    if (old.end > end) at = parts_.insert_or_assign(end, Part{old.end, old.bytes + (end - old_begin)}).first;
  }
  parts_[begin] = {end, file.data() + s.file_offset};
}

std::span<const uint8_t> CodeBytes::at(uint64_t address) const {
  auto part = parts_.upper_bound(address);
  if (part == parts_.begin()) return {};
  --part;
  if (address >= part->second.end) return {};
  return {part->second.bytes + (address - part->first), static_cast<size_t>(part->second.end - address)};
}

size_t CodeBytes::read(uint64_t address, std::span<uint8_t> out) const {
  size_t done = 0;
  while (done < out.size()) {
    const auto bytes = at(address + done);
    if (bytes.empty()) break;
    const size_t n = std::min(bytes.size(), out.size() - done);
    std::memcpy(out.data() + done, bytes.data(), n);
    done += n;
  }
  return done;
}

}  // namespace tracectl::decode
