// SPDX-License-Identifier: MIT
#include "core/capture/reader.hpp"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "core/capture/mapped_file.hpp"
#include "core/capture/tally.hpp"
#include "core/capture/walk.hpp"
#include "core/perf/records.hpp"

namespace tracectl::capture {
namespace {

bool is_known(uint32_t type) {
  if (type >= perf::kFirstUserRecord) return type <= perf::kFinishedInit && type != perf::kCompressed;
  return type != 0 && type <= perf::kLastKernelRecord;
}

}  // namespace

struct Reader::Impl {
  std::string path, directory;
  MappedFile map;
  std::vector<std::byte> owned;  // in its place: Reader::of
  FileView file;
  FileFacts facts;
  AuxInfo info;
  std::vector<AuxStream> streams;
  LossTotals loss;
  std::unordered_map<uint64_t, int> event_of_id;
  // A PERF_RECORD_AUX that cuts a stream.
  struct Cut {
    int32_t tid = -1, cpu = -1;
    bool truncated = false, raw = false;
    AuxPiece piece;
  };
  std::vector<Cut> cuts;

  Result<> read(const std::string& name);
  void index();
  void note_cut(const RawRecord& raw);
  void add_fragment(const RawRecord& raw, std::map<uint32_t, size_t>& stream_of_idx);
  void add_cuts(AuxStream& stream) const;
  void settle_streams(const std::unordered_map<int32_t, int32_t>& pid_of_tid);
  [[nodiscard]] Record parse(const RawRecord& raw) const;
  [[nodiscard]] uint64_t id_of(const RawRecord& raw) const;
};

// The id comes before the event is known, so its place must be the same for all events:
// PERF_SAMPLE_IDENTIFIER grants that; else the first event's layout stands for all.
uint64_t Reader::Impl::id_of(const RawRecord& raw) const {
  const auto& first = facts.events.front();
  perf::SampleFields fields;
  if (raw.type == PERF_RECORD_SAMPLE)
    perf::parse_sample(raw.body, first.sample_type, fields);
  else if (first.sample_id_all)
    perf::parse_sample_id(raw.body, first.sample_type, fields);
  return fields.id;
}

Record Reader::Impl::parse(const RawRecord& raw) const {
  Record record{raw.type, raw.misc, raw.body, raw.offset};
  if (raw.type >= perf::kFirstUserRecord || facts.events.empty()) return record;
  const auto found = event_of_id.find(id_of(raw));
  if (found != event_of_id.end())
    record.event = found->second;
  else if (facts.events.size() == 1)
    record.event = 0;
  const auto& event = facts.events[static_cast<size_t>(std::max(record.event, 0))];
  perf::SampleFields fields;
  const bool parsed = raw.type == PERF_RECORD_SAMPLE ? perf::parse_sample(raw.body, event.sample_type, fields)
                      : event.sample_id_all          ? perf::parse_sample_id(raw.body, event.sample_type, fields)
                                                     : false;
  if (!parsed) return record;
  record.time = fields.time;
  record.id = fields.id;
  record.ip = fields.ip;
  record.pid = fields.pid;
  record.tid = fields.tid;
  record.cpu = fields.cpu;
  return record;
}

void Reader::Impl::add_fragment(const RawRecord& raw, std::map<uint32_t, size_t>& stream_of_idx) {
  const auto record = file.get<perf::AuxtraceRecord>(raw.offset);
  const auto [found, fresh] = stream_of_idx.try_emplace(record->idx, streams.size());
  if (fresh) {
    AuxStream stream;
    stream.idx = record->idx;
    stream.tid = static_cast<int32_t>(record->tid);
    stream.cpu = static_cast<int32_t>(record->cpu);
    stream.follows_tasks = stream.cpu >= 0 && stream.tid >= 0;
    if (stream.follows_tasks) stream.tid = -1;  // it names the first of them
    streams.push_back(std::move(stream));
  }
  if (raw.payload == 0) return;
  const uint64_t header = sizeof(perf_event_header) + raw.body.size();
  streams[found->second].fragments.push_back({raw.offset + header, raw.payload, record->offset});
}

void Reader::Impl::note_cut(const RawRecord& raw) {
  const auto aux = perf::parse_aux(raw.body);
  if (!aux) return;
  const bool truncated = (aux->flags & perf::kAuxFlagTruncated) != 0;
  if (!truncated && info.type != perf::kAuxtraceCsEtm) return;
  const Record record = parse(raw);
  AuxPiece piece{aux->offset, aux->size, record.time};
  // Of a buffer that is written over the record has the end: tools/perf/util/cs-etm.c, cs_etm__queue_aux_fragment().
  const bool over = info.type == perf::kAuxtraceCsEtm && (aux->flags & perf::kAuxFlagOverwrite) != 0;
  if (over) piece.offset -= std::min(piece.offset, piece.size);
  cuts.push_back(
      {record.tid, record.cpu, truncated, (aux->flags & perf::kAuxFlagFormatMask) == perf::kAuxFormatCoresightRaw, piece});
}

void Reader::Impl::add_cuts(AuxStream& stream) const {
  const bool pieces = info.type == perf::kAuxtraceCsEtm;
  for (const Cut& cut : cuts) {
    const bool ours = stream.tid >= 0 ? cut.tid == stream.tid : cut.cpu == stream.cpu;
    if (!ours && !(pieces && streams.size() == 1)) continue;
    if (cut.truncated) stream.cuts.push_back(cut.piece.offset + cut.piece.size);
    if (!pieces || cut.piece.size == 0) continue;
    stream.pieces.push_back(cut.piece);
    stream.raw = stream.raw || cut.raw;
  }
  std::sort(stream.cuts.begin(), stream.cuts.end());
  std::stable_sort(stream.pieces.begin(), stream.pieces.end(),
                   [](const AuxPiece& a, const AuxPiece& b) { return a.offset < b.offset; });
}

// Order, gaps, and the padding: a fragment that runs up to 7 bytes into the next one was padded.
void Reader::Impl::settle_streams(const std::unordered_map<int32_t, int32_t>& pid_of_tid) {
  for (auto& stream : streams) {
    auto& list = stream.fragments;
    const auto by_offset = [](const AuxFragment& a, const AuxFragment& b) { return a.aux_offset < b.aux_offset; };
    if (!std::is_sorted(list.begin(), list.end(), by_offset)) std::stable_sort(list.begin(), list.end(), by_offset);
    for (size_t i = 0; i + 1 < list.size(); ++i) {
      const uint64_t distance = list[i + 1].aux_offset - list[i].aux_offset;
      if (distance < list[i].size && list[i].size - distance < 8) list[i].size = distance;
      if (distance > list[i].size) stream.gaps += distance - list[i].size;
    }
    for (const auto& fragment : list) stream.size += fragment.size;
    add_cuts(stream);
    if (const auto found = pid_of_tid.find(stream.tid); found != pid_of_tid.end()) stream.pid = found->second;
  }
}

// The one pass at open(): fragments, loss, AUXTRACE_INFO. Keeps nothing else.
void Reader::Impl::index() {
  for (size_t i = 0; i < facts.events.size(); ++i)
    for (const uint64_t id : facts.events[i].ids) event_of_id.emplace(id, static_cast<int>(i));
  std::map<uint32_t, size_t> stream_of_idx;
  std::unordered_map<int32_t, int32_t> pid_of_tid;
  std::set<uint32_t> unknown;
  const auto end = walk_records(file, facts.data_begin, facts.data_end, [&](const RawRecord& raw) {
    if (!is_known(raw.type) && unknown.insert(raw.type).second) ++loss[LossKind::unknown_records];
    tally(raw.type, raw.body, loss);
    if (raw.type == PERF_RECORD_AUX) note_cut(raw);
    if (raw.type == perf::kAuxtrace) {
      add_fragment(raw, stream_of_idx);
    } else if (raw.type == perf::kAuxtraceInfo && info.type == 0 && raw.body.size() >= 8) {
      info.type = *file.get<uint32_t>(raw.offset + sizeof(perf_event_header));
      info.priv.resize((raw.body.size() - 8) / 8);
      if (!info.priv.empty()) std::memcpy(info.priv.data(), raw.body.data() + 8, info.priv.size() * 8);
    } else if (raw.type == PERF_RECORD_ITRACE_START || raw.type == PERF_RECORD_COMM) {
      if (const auto thread = perf::parse_itrace_start(raw.body)) pid_of_tid.insert_or_assign(thread->tid, thread->pid);
    } else if (raw.type == PERF_RECORD_FORK) {
      if (const auto task = perf::parse_task(raw.body)) pid_of_tid.insert_or_assign(task->tid, task->pid);
    }
    return true;
  });
  if (end == WalkEnd::cut || facts.cut || !facts.finished) loss[LossKind::cut_file] = 1;
  settle_streams(pid_of_tid);
}

Result<> Reader::Impl::read(const std::string& name) {
  auto known = read_facts(file, name);
  if (!known) return tl::unexpected(known.error());
  facts = std::move(*known);
  index();
  return {};
}

Reader::Reader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<Reader> Reader::open(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return fail_errno(fmt::format("cannot open the capture {}", path));
  if (S_ISDIR(st.st_mode)) impl->directory = path;
  const std::string data = impl->directory.empty() ? path : path + "/" + kDataName;
  auto map = MappedFile::open(data);
  if (!map) return tl::unexpected(map.error());
  impl->map = std::move(*map);
  impl->file = FileView(impl->map.bytes());
  if (auto done = impl->read(data); !done) return tl::unexpected(done.error());
  return Reader(std::move(impl));
}

Result<Reader> Reader::of(std::vector<std::byte> bytes, const std::string& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->owned = std::move(bytes);
  impl->file = FileView(impl->owned);
  if (auto done = impl->read(path); !done) return tl::unexpected(done.error());
  return Reader(std::move(impl));
}

const std::string& Reader::path() const { return impl_->path; }
std::string Reader::directory() const { return impl_->directory; }
const std::vector<EventDesc>& Reader::events() const { return impl_->facts.events; }
const AuxInfo& Reader::aux_info() const { return impl_->info; }
const std::vector<AuxStream>& Reader::streams() const { return impl_->streams; }
const LossTotals& Reader::loss() const { return impl_->loss; }

std::string Reader::feature_string(unsigned feature) const {
  if (feature >= impl_->facts.features.size() || !impl_->facts.features[feature]) return {};
  return feature_text(impl_->file, *impl_->facts.features[feature], feature);
}

bool Reader::finished() const { return impl_->facts.finished && !impl_->facts.cut; }

uint64_t Reader::aux_bytes() const {
  uint64_t total = 0;
  for (const auto& stream : impl_->streams) total += stream.size;
  return total;
}

void Reader::for_each_record(const std::function<bool(const Record&)>& fn) const {
  walk_records(impl_->file, impl_->facts.data_begin, impl_->facts.data_end,
               [&](const RawRecord& raw) { return fn(impl_->parse(raw)); });
}

std::span<const std::byte> Reader::bytes(const AuxFragment& fragment) const {
  return impl_->file.at(fragment.file_offset, fragment.size).value_or(std::span<const std::byte>{});
}

bool Reader::map_at(std::byte* place, uint64_t file_offset, uint64_t size) const {
  const bool there = impl_->owned.empty() && impl_->file.at(file_offset, size).has_value();
  return there && impl_->map.map_at(place, file_offset, size);
}

}  // namespace tracectl::capture
