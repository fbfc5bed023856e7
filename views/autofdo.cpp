// SPDX-License-Identifier: MIT
#include "views/autofdo.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "decode/build_id.hpp"
#include "decode/paths.hpp"

namespace tracectl::views {

Result<ProfiledBinary> ProfiledBinary::open(const std::string& path) {
  auto segments = decode::LoadSegments::of(path);
  if (!segments) return tl::unexpected<Error>(segments.error());
  return ProfiledBinary{path, decode::build_id_of(path), std::move(*segments)};
}

bool ProfiledBinary::is(const decode::Section& section) const {
  if (!build_id.empty() && !section.build_id.empty()) return build_id == section.build_id;
  return decode::last_parts(section.name, 1) == decode::last_parts(path, 1);
}

void AutoFdo::Stream::at_time(uint64_t time) {
  if (time != time_ && context_.locator->stale(time)) {
    finish();
    context_.locator->advance(time);
  }
  time_ = time;
}

void AutoFdo::Stream::on_counted(const decode::Stamp& stamp, std::span<const decode::Block> blocks, uint64_t times) {
  at_time(stamp.time);
  for (const auto& block : blocks) edges_.add(block, times);
}

bool AutoFdo::Stream::on_block(const decode::Stamp& stamp, const decode::Block& block) {
  at_time(stamp.time);
  ranges_.add(block, edges_);
  return true;
}

bool AutoFdo::Stream::on_event(const decode::Stamp&, const decode::Event& event) {
  ranges_.end(edges_);
  if (event.kind == decode::Event::Kind::switched) finish();
  return true;
}

bool AutoFdo::Stream::on_loss(const decode::Stamp&, const decode::Loss&) {
  ranges_.end(edges_);
  ++losses_;
  return true;
}

void AutoFdo::Stream::finish() {
  ranges_.end(edges_);
  whole_.fold(edges_, *context_.locator, time_);
  edges_.clear();
}

std::optional<uint64_t> AutoFdo::address_in(const decode::Place& place) const {
  return in_binary(place) ? binary_.segments.address_of(place.file_offset) : std::nullopt;
}

void AutoFdo::fold(const EdgeTable& edges, decode::Locator& locator, uint64_t time) {
  edges.for_each([&](const Edge& e) {
    const decode::Place place = locator.at(e.ip, time);
    if (!in_binary(place)) {
      elsewhere_[place.object()] += e.insns;
      const bool same_name = place.object() == decode::last_parts(binary_.path, 1);
      if (same_name && !place.section->build_id.empty()) other_builds_.insert(place.section->build_id);
      return;
    }
    instructions_ += e.insns;
    const auto from = address_in(place);
    if (!from) {
      unloaded_ += e.insns;
      return;
    }
    const uint64_t last = *from + (e.last - e.ip);
    uint64_t& runs = profile_.ranges[{*from, last}];
    runs = profile::sum(runs, e.count);
    if (!e.taken || e.to == 0) return;
    const auto to = address_in(locator.at(e.to, time));
    if (!to) return;
    uint64_t& times = profile_.branches[{last, *to}];
    times = profile::sum(times, e.count);
  });
}

bool AutoFdo::subtract(const AutoFdo& other) {
  if (!profile_.subtract(other.profile_)) return false;
  instructions_ -= std::min(instructions_, other.instructions_);
  unloaded_ -= std::min(unloaded_, other.unloaded_);
  for (const auto& [name, insns] : other.elsewhere_) {
    uint64_t& known = elsewhere_[name];
    known -= std::min(known, insns);
  }
  return true;
}

uint64_t AutoFdo::all_instructions() const {
  uint64_t out = instructions_;
  for (const auto& [name, insns] : elsewhere_) out += insns;
  return out;
}

Error AutoFdo::why_empty() const {
  if (!other_builds_.empty())
    return fail(fmt::format("the capture ran another build of it, with the build-id {}; this file has {}",
                            *other_builds_.begin(), binary_.build_id.empty() ? "none" : binary_.build_id),
                "give the very file that was traced (images/ in the capture may hold it)")
        .value();
  if (unloaded_ != 0)
    return fail(fmt::format("{} instructions ran in it, at places that no segment of it is loaded from", unloaded_),
                "give the very file that was traced")
        .value();
  const auto most = std::max_element(elsewhere_.begin(), elsewhere_.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == elsewhere_.end()) return fail("the capture holds no instruction", "`tracectl report` says why").value();
  const std::string name = most->first.empty() ? "code of no file" : most->first;
  return fail(fmt::format("none of the instructions of the capture ran in it; most ran in {}", name),
              "`tracectl report` lists the files of the hot functions; a shared library is exported by itself")
      .value();
}

}  // namespace tracectl::views
