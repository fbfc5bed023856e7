// SPDX-License-Identifier: MIT
#include "decode/schedule.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/perf/uapi.hpp"

namespace tracectl::decode {
namespace {

constexpr uint64_t kNever = ~uint64_t{0};

// The first two words of a record's body: SWITCH_CPU_WIDE's other thread.
std::pair<int32_t, int32_t> two_words(std::span<const std::byte> body) {
  int32_t words[2] = {-1, -1};
  if (body.size() >= sizeof words) std::memcpy(words, body.data(), sizeof words);
  return {words[0], words[1]};
}

}  // namespace

const Turn& turn_at(const std::vector<Turn>& turns, uint64_t time) {
  const auto behind =
      std::upper_bound(turns.begin(), turns.end(), time, [](uint64_t t, const Turn& turn) { return t < turn.time; });
  return behind == turns.begin() ? turns.front() : *std::prev(behind);
}

bool has_code(const ImageTimeline& images, uint64_t address) {
  return std::any_of(images.sections.begin(), images.sections.end(),
                     [address](const Section& s) { return address >= s.address && address - s.address < s.size; });
}

size_t turn_with_code(std::span<const Turn> turns, size_t at, uint64_t address) {
  for (size_t i = at; i < turns.size() && turns[i].time <= turns[at].time + kSoon; ++i)
    if (has_code(*turns[i].images, address)) return i;
  return at;
}

// A record of one cpu, in order. `out_time`: when the last thread went, until the next comes.
void Schedule::add(const SwitchRecord& r, std::vector<Run>& runs, uint64_t& out_time) const {
  const bool first = runs.empty();
  if (r.kind == SwitchRecord::Kind::out) {
    if (first && r.tid >= 0) runs.push_back({0, 0, r.pid, r.tid});
    out_time = r.time;
    if (r.next_tid >= 0) runs.push_back({r.time, r.time, r.next_pid, r.next_tid});
    return;
  }
  if (r.tid < 0) return;
  const uint64_t from = std::min(r.time, std::exchange(out_time, kNever));
  if (first)
    runs.push_back({0, 0, r.pid, r.tid});
  else if (runs.back().tid != r.tid || runs.back().pid != r.pid)
    runs.push_back({from, r.time, r.pid, r.tid});
  else if (from != r.time && runs.back().time == from)  // as "out" announced
    runs.back().sure = r.time;
}

Schedule Schedule::from_records(std::vector<SwitchRecord> records) {
  std::stable_sort(records.begin(), records.end(),
                   [](const SwitchRecord& a, const SwitchRecord& b) { return a.time < b.time; });
  Schedule out;
  std::map<int32_t, uint64_t> out_times;
  for (const SwitchRecord& r : records) {
    if (r.cpu < 0) continue;
    const auto [at, fresh] = out_times.try_emplace(r.cpu, kNever);
    out.add(r, out.by_cpu_[r.cpu], at->second);
  }
  return out;
}

Schedule Schedule::from_capture(const capture::Reader& reader) {
  std::vector<SwitchRecord> records;
  reader.for_each_record([&records](const capture::Record& r) {
    SwitchRecord s{SwitchRecord::Kind::in, r.time, r.cpu, r.pid, r.tid, -1, -1};
    if (r.type == PERF_RECORD_ITRACE_START) {
      s.kind = SwitchRecord::Kind::start;
      std::tie(s.pid, s.tid) = two_words(r.body);
    } else if (r.type == PERF_RECORD_SWITCH || r.type == PERF_RECORD_SWITCH_CPU_WIDE) {
      if ((r.misc & PERF_RECORD_MISC_SWITCH_OUT) != 0) s.kind = SwitchRecord::Kind::out;
      if (s.kind == SwitchRecord::Kind::out && r.type == PERF_RECORD_SWITCH_CPU_WIDE)
        std::tie(s.next_pid, s.next_tid) = two_words(r.body);
    } else {
      return true;
    }
    records.push_back(s);
    return true;
  });
  return from_records(std::move(records));
}

std::vector<Turn> Schedule::of(const capture::AuxStream& stream, const ImageSet& images, uint64_t start) const {
  std::vector<Run> runs;
  if (stream.cpu >= 0 && stream.tid < 0) {
    if (const auto known = by_cpu_.find(stream.cpu); known != by_cpu_.end()) runs = known->second;
  } else {
    runs.push_back({0, 0, stream.pid >= 0 ? stream.pid : images.pid_of(stream.tid), stream.tid});
  }
  if (runs.empty()) runs.push_back({});
  std::vector<Turn> out;
  for (size_t i = 0; i < runs.size(); ++i) {
    const Run& run = runs[i];
    const uint64_t end = i + 1 < runs.size() ? runs[i + 1].time : kNever;
    const uint64_t begin = std::max(run.time, i == 0 ? start : 0);
    out.push_back({run.time, run.sure, run.pid, run.tid, &images.at(run.pid, begin)});
    for (const uint64_t exec : images.begins(run.pid))
      if (exec > begin && exec < end) out.push_back({exec, exec, run.pid, run.tid, &images.at(run.pid, exec)});
  }
  return out;
}

}  // namespace tracectl::decode
