// SPDX-License-Identifier: MIT
#include "cli/traced_profile.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/each_stream.hpp"
#include "cli/shards.hpp"
#include "views/autofdo.hpp"

namespace tracectl::cli {
namespace {

// What all captures together gave.
struct Total {
  TracedProfile traced;
  uint64_t instructions = 0, all = 0;  // in the binary, and altogether
  std::vector<Error> nothing;          // captures that add nothing, and why

  void add(const views::AutoFdo& more, bool lossy) {
    traced.profile.add(more.profile());
    traced.lossy = traced.lossy || lossy;
    instructions += more.instructions();
    all += more.all_instructions();
  }
};

// Nothing was traced in it: for want of what? Else the profile's own reason.
Error why_nothing(const OpenCapture& capture, const views::AutoFdo& profile) {
  if (profile.all_instructions() != 0) return profile.why_empty();
  const auto& facts = capture.facts;
  if (facts.start_paused.value_or(false) && capture.windows.all().empty() && facts.why_empty.empty())
    return {ErrorKind::failed, "its trace began paused, and no trigger resumed it", "`tracectl info` lists the triggers"};
  const auto reasons = why_no_instructions(capture, {});
  return {ErrorKind::failed, fmt::format("it holds no instruction: {}", fmt::join(reasons, "; ")), ""};
}

Error empty_error(const ProfileWanted& wanted, const std::string& capture, const Error& why) {
  return {why.kind, fmt::format("{}: the profile of {} would be empty: {}", capture, wanted.binary, why.what), why.hint};
}

CaptureOptions options_of(const ProfileWanted& wanted, const std::string& path) {
  CaptureOptions out = wanted.capture;
  out.path = path;
  return out;
}

Result<> add_whole(const ProfileWanted& wanted, const std::string& path, const views::ProfiledBinary& binary, Total& total) {
  const CaptureOptions options = options_of(wanted, path);
  auto capture = OpenCapture::open(options);
  if (!capture) return tl::unexpected<Error>(capture.error());
  views::AutoFdo profile(binary);
  const auto lossy = each_stream<views::AutoFdo::Stream>(**capture, options, profile, [](auto&) {});
  if (!lossy) return tl::unexpected<Error>(lossy.error());
  total.add(profile, *lossy);
  if (profile.profile().empty()) total.nothing.push_back(empty_error(wanted, path, why_nothing(**capture, profile)));
  return {};
}

// The bytes of each capture, one behind the other.
Result<std::vector<uint64_t>> sizes_of(const ProfileWanted& wanted, const std::vector<std::string>& paths) {
  std::vector<uint64_t> out;
  for (const auto& path : paths) {
    const CaptureOptions options = options_of(wanted, path);
    const auto capture = OpenCapture::open(options);
    if (!capture) return tl::unexpected<Error>(capture.error());
    if (auto can = need_decoder(**capture); !can) return tl::unexpected<Error>(can.error());
    out.push_back(trace_bytes(**capture, options));
  }
  return out;
}

Result<> add_shard(const ProfileWanted& wanted, const std::vector<std::string>& paths, const views::ProfiledBinary& binary,
                   Total& total) {
  const auto sizes = sizes_of(wanted, paths);
  if (!sizes) return tl::unexpected<Error>(sizes.error());
  uint64_t all = 0, at = 0;
  for (const uint64_t size : *sizes) all += size;
  const uint64_t begin = wanted.shard.begin(all), end = wanted.shard.end(all);
  for (size_t i = 0; i < paths.size(); at += (*sizes)[i++]) {
    const uint64_t from = std::clamp(begin, at, at + (*sizes)[i]) - at, to = std::clamp(end, at, at + (*sizes)[i]) - at;
    if (from == to) continue;
    const CaptureOptions options = options_of(wanted, paths[i]);
    auto capture = OpenCapture::open(options);
    if (!capture) return tl::unexpected<Error>(capture.error());
    views::AutoFdo profile(binary);
    const auto lossy = add_part(**capture, options, from, to, profile);
    if (!lossy) return tl::unexpected<Error>(lossy.error());
    total.add(profile, *lossy);
    if (profile.profile().empty() && profile.other_build())
      total.nothing.push_back(empty_error(wanted, paths[i], profile.why_empty()));
  }
  return {};
}

// How much it is, on stderr: who gets a thin profile should know.
void tell(const ProfileWanted& wanted, const Total& total) {
  uint64_t taken = 0;
  for (const auto& [pair, count] : total.traced.profile.branches) taken = profile::sum(taken, count);
  const double share =
      100.0 * static_cast<double>(total.instructions) / static_cast<double>(std::max<uint64_t>(1, total.all));
  fmt::print(stderr, "tracectl: {} instructions and {} taken branches of {}: {:.1f} % of the instructions in the trace{}\n",
             total.instructions, taken, wanted.binary, share,
             total.traced.lossy ? "; some trace was lost: `tracectl info` says what" : "");
}

}  // namespace

Result<TracedProfile> profile_of(const ProfileWanted& wanted) {
  const auto binary = views::ProfiledBinary::open(wanted.binary);
  if (!binary) return tl::unexpected<Error>(binary.error());
  // Shards are the same parts in whatever order the captures are named.
  std::vector<std::string> paths = wanted.captures;
  std::sort(paths.begin(), paths.end());
  Total total;
  total.traced.profile.path = binary->path;
  total.traced.profile.build_id = binary->build_id;
  if (!wanted.shard.whole())
    if (auto done = add_shard(wanted, paths, *binary, total); !done) return tl::unexpected<Error>(done.error());
  for (size_t i = 0; wanted.shard.whole() && i < paths.size(); ++i)
    if (auto done = add_whole(wanted, paths[i], *binary, total); !done) return tl::unexpected<Error>(done.error());
  const bool empty = total.traced.profile.empty();
  if (empty && !total.nothing.empty()) return tl::unexpected<Error>(total.nothing.front());
  for (const Error& why : total.nothing) fmt::print(stderr, "tracectl: left out: {}\n", why.what);
  if (empty)
    fmt::print(stderr, "tracectl: shard {}/{} is empty: nothing of {} ran in its part of the trace\n", wanted.shard.index,
               wanted.shard.count, wanted.binary);
  else
    tell(wanted, total);
  return total.traced;
}

}  // namespace tracectl::cli
