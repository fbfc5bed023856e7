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
  const bool goes_on = pending_ && pending_->last + pending_->last_size == block.ip;
  if (pending_ && !goes_on) end_range();
  decode::Block whole = block;
  if (goes_on) {
    whole.ip = pending_->ip;
    whole.insns += pending_->insns;
  }
  pending_ = whole;
  // Arm's end with what has an atom: an ISB ends a range, counted or not.
  if (whole.kind != decode::BranchKind::none || whole.isa != decode::Isa::x86_64) end_range();
  return true;
}

void AutoFdo::Stream::end_range() {
  if (pending_ && pending_->insns != 0) edges_.add(*pending_);
  pending_.reset();
}

bool AutoFdo::Stream::on_event(const decode::Stamp&, const decode::Event& event) {
  end_range();
  if (event.kind == decode::Event::Kind::switched) finish();
  return true;
}

bool AutoFdo::Stream::on_loss(const decode::Stamp&, const decode::Loss&) {
  end_range();
  ++losses_;
  return true;
}

void AutoFdo::Stream::finish() {
  end_range();
  whole_.fold(edges_, *context_.locator, time_);
  edges_.clear();
}

std::optional<uint64_t> AutoFdo::address_in(const decode::Place& place) const {
  if (place.section == nullptr || !binary_.is(*place.section)) return std::nullopt;
  return binary_.segments.address_of(place.file_offset);
}

void AutoFdo::fold(const EdgeTable& edges, decode::Locator& locator, uint64_t time) {
  edges.for_each([&](const Edge& e) {
    const decode::Place place = locator.at(e.ip, time);
    const auto from = address_in(place);
    if (!from) {
      elsewhere_[place.object()] += e.insns;
      const bool same_name = place.object() == decode::last_parts(binary_.path, 1);
      if (same_name && !place.section->build_id.empty()) other_builds_.insert(place.section->build_id);
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

Error AutoFdo::why_empty() const {
  const std::string what = "the profile of " + binary_.path + " would be empty: ";
  if (!other_builds_.empty())
    return fail(fmt::format("{}the capture ran another build of it, with the build-id {}; this file has {}", what,
                            *other_builds_.begin(), binary_.build_id),
                "give the very file that was traced (images/ in the capture may hold it)")
        .value();
  const auto most = std::max_element(elsewhere_.begin(), elsewhere_.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == elsewhere_.end()) return fail(what + "the capture holds no instruction", "`tracectl report` says why").value();
  const std::string name = most->first.empty() ? "code of no file" : most->first;
  return fail(fmt::format("{}none of the instructions of the capture ran in it; most ran in {}", what, name),
              "`tracectl report` lists the files of the hot functions; a shared library is exported by itself")
      .value();
}

}  // namespace tracectl::views
