// SPDX-License-Identifier: MIT
#include "decode/shard.hpp"

#include <charconv>

namespace tracectl::decode {

Result<Shard> Shard::parse(const std::string& text) {
  constexpr uint64_t kMost = 1u << 20;  // of shards: part() needs n * n
  Shard out;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, out.index);
  const bool slash = first.ec == std::errc{} && first.ptr != end && *first.ptr == '/';
  const auto second = slash ? std::from_chars(first.ptr + 1, end, out.count) : first;
  if (!slash || second.ec != std::errc{} || second.ptr != end || out.index < 1 || out.index > out.count || out.count > kMost)
    return fail_usage("no shard: '" + text + "'", "the third of eight is --shard 3/8");
  return out;
}

}  // namespace tracectl::decode
