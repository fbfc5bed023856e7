// SPDX-License-Identifier: MIT
#include "core/capture/writer.hpp"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "core/capture/data_file.hpp"
#include "core/capture/directory.hpp"
#include "core/capture/features.hpp"
#include "core/capture/format.hpp"
#include "core/capture/tally.hpp"
#include "core/check.hpp"
#include "core/clock.hpp"
#include "core/perf/record_build.hpp"
#include "core/perf/ring_records.hpp"
#include "core/perf/uapi.hpp"

namespace tracectl::capture {
namespace {

using Bytes = std::span<const std::byte>;
constexpr size_t kInfoFixed = sizeof(perf_event_header) + 8;  // AUXTRACE_INFO in front of priv

template <class T>
void put(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
Bytes bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// Bytes between an AUXTRACE record and its payload at `at`. Source of their skipping by perf: tools/perf/util/auxtrace.c,
// auxtrace_queues__add_indexed_event().
uint64_t gap_to_page(uint64_t at, uint64_t stream_size, uint64_t size) {
  constexpr uint64_t kWorthIt = 64 * 1024;  // bytes: to copy less costs little
  const uint64_t gap = (stream_size - at) % kTracePage;
  return size < kWorthIt || gap % 8 != 0 ? 0 : gap;
}

// Ids of an event that the head has room for.
size_t room_of(const WriterSetup& setup, const EventSetup& event) {
  return std::max<size_t>(event.ids.size(), setup.room_for_ids);
}

// Everything in front of the records, with AUXTRACE_INFO behind it.
std::string file_head(const WriterSetup& setup) {
  std::string ids, attrs, info(reinterpret_cast<const char*>(setup.first_records.data()), setup.first_records.size());
  for (const auto& event : setup.events) {
    put(attrs, event.attr);
    put(attrs, FileSection{sizeof(FileHeader) + ids.size(), event.ids.size() * sizeof(uint64_t)});
    for (const uint64_t id : event.ids) put(ids, id);
    ids.append(sizeof(uint64_t) * (room_of(setup, event) - event.ids.size()), '\0');
  }
  if (setup.aux_info.type != 0) {
    const size_t size = kInfoFixed + 8 * setup.aux_info.priv.size();
    put(info, perf_event_header{perf::kAuxtraceInfo, 0, static_cast<uint16_t>(size)});
    put(info, setup.aux_info.type);
    put(info, uint32_t{0});
    for (const uint64_t word : setup.aux_info.priv) put(info, word);
  }
  FileHeader header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.size = sizeof header;
  header.attr_size = perf::kAttrSize + sizeof(FileSection);
  header.attrs = {sizeof header + ids.size(), attrs.size()};
  header.data = {header.attrs.offset + attrs.size(), info.size()};
  std::string out;
  put(out, header);
  return out + ids + attrs + info;
}

}  // namespace

struct Writer::Impl {
  WriterSetup setup;
  DataFile file;
  uint64_t data_offset = 0;
  uint64_t round_end = 0;  // file size behind the last FINISHED_ROUND
  uint64_t aux_bytes = 0;
  std::vector<IndexEntry> index;
  std::map<uint32_t, uint64_t> stream_sizes;  // bytes, by idx
  LossTotals loss;
  bool finished = false;
  std::vector<size_t> id_room;        // by event
  std::vector<uint64_t> id_sections;  // by event: where its FileAttr keeps the section of its ids

  Result<> move_ids();
  Result<> scan(Bytes a, Bytes b);
  Result<> take_cpus(uint64_t begin);
  std::vector<uint64_t> aux_ends;  // of the AUX records that scan() saw, in its bytes
  Result<> publish_size();
};

// Checks that the spans hold whole records, and counts the loss that they tell of.
Result<> Writer::Impl::scan(Bytes a, Bytes b) {
  std::array<std::byte, 64> body;
  LossTotals seen = loss;
  perf::RingRecords records(a, b);
  aux_ends.clear();
  while (records.next()) {
    if (tells_loss(records.header().type)) tally(records.header().type, std::span(body).first(records.body(body)), seen);
    if (records.header().type == PERF_RECORD_AUX) aux_ends.push_back(records.at() + records.header().size);
  }
  if (records.broken())
    return fail(fmt::format("the data ring of the traced program holds a broken record at byte {} of {}", records.at(),
                            records.size()),
                "the program may have written over its trace buffers");
  loss = seen;
  return {};
}

// In the file: the ring itself is the kernel's.
Result<> Writer::Impl::take_cpus(uint64_t begin) {
  constexpr uint64_t kCpuFromEnd = sizeof(perf::SampleId) - offsetof(perf::SampleId, cpu);
  for (const uint64_t end : aux_ends)
    if (auto done = file.patch(begin + end - kCpuFromEnd, std::as_bytes(std::span(&perf::kNoCpu, 1))); !done) return done;
  return {};
}

Result<> Writer::Impl::publish_size() {
  const uint64_t size = file.size() - data_offset;
  return file.patch(kDataSizeOffset, std::as_bytes(std::span(&size, 1)));
}

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;
Writer::~Writer() = default;

Result<Writer> Writer::create(const WriterSetup& setup) {
  if (setup.directory_is_ours)
    if (auto made = make_directory(setup.directory); !made) return tl::unexpected(made.error());
  // `data` first: from here on the directory is known as a capture.
  auto file = DataFile::create(setup.directory + "/" + kDataName);
  if (!file) return tl::unexpected(file.error());
  auto impl = std::make_unique<Impl>();
  impl->setup = setup;
  if (impl->setup.trace_clock == nullptr) impl->setup.trace_clock = monotonic_ns;
  impl->file = std::move(*file);
  const std::string head = file_head(setup);
  FileHeader header;
  std::memcpy(&header, head.data(), sizeof header);
  impl->data_offset = header.data.offset;
  if (auto done = impl->file.append(bytes_of(head)); !done) return tl::unexpected(done.error());
  impl->round_end = impl->file.size();
  for (size_t i = 0; i < setup.events.size(); ++i) {
    impl->id_room.push_back(room_of(setup, setup.events[i]));
    impl->id_sections.push_back(header.attrs.offset + i * header.attr_size + perf::kAttrSize);
  }
  const std::string images = setup.directory + "/" + kImagesName;
  if (::mkdir(images.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(fmt::format("cannot create directory {}", images));
  if (!setup.plan_text.empty())
    if (auto done = write_side_file(setup.directory, kPlanName, setup.plan_text); !done) return tl::unexpected(done.error());
  return Writer(std::move(impl));
}

Result<> Writer::records(Bytes a, Bytes b) {
  if (a.empty() && b.empty()) return {};
  if (auto ok = impl_->scan(a, b); !ok) return ok;
  const std::array parts = {a, b};
  const uint64_t begin = impl_->file.size();
  if (auto done = impl_->file.append(parts); !done || !impl_->setup.aux_without_cpu) return done;
  return impl_->take_cpus(begin);
}

Result<> Writer::aux(uint32_t idx, int32_t tid, int32_t cpu, uint64_t aux_offset, Bytes a, Bytes b) {
  const uint64_t size = a.size() + b.size();
  if (size == 0) return {};
  static constexpr std::array<std::byte, kTracePage> kZeros{};
  const uint64_t padding = (8 - size % 8) % 8;
  const uint64_t at = impl_->file.size();
  uint64_t& stream_size = impl_->stream_sizes[idx];
  perf::AuxtraceRecord record{};
  const uint64_t gap = gap_to_page(at + sizeof record, stream_size, size);
  record.header = {perf::kAuxtrace, 0, static_cast<uint16_t>(sizeof record + gap)};
  record.size = size + padding;
  record.offset = aux_offset;
  record.reference = impl_->setup.trace_clock();
  record.idx = idx;
  record.tid = static_cast<uint32_t>(tid);
  record.cpu = static_cast<uint32_t>(cpu);
  const std::array parts = {std::as_bytes(std::span(&record, 1)), Bytes(kZeros).first(gap), a, b,
                            Bytes(kZeros).first(padding)};
  if (auto done = impl_->file.append(parts); !done) return done;
  impl_->index.push_back({at, record.header.size});
  impl_->aux_bytes += size;
  stream_size += size;
  return {};
}

Result<> Writer::add_id(size_t event, uint64_t id) {
  auto& ids = impl_->setup.events[event].ids;
  ids.push_back(id);
  if (ids.size() > impl_->id_room[event]) return {};  // move_ids() has room for all
  uint64_t first = sizeof(FileHeader);
  for (size_t i = 0; i < event; ++i) first += impl_->id_room[i] * sizeof(uint64_t);
  // The id, then the section that holds one more.
  if (auto done = impl_->file.patch(first + (ids.size() - 1) * sizeof id, std::as_bytes(std::span(&id, 1))); !done)
    return done;
  const FileSection section{first, ids.size() * sizeof id};
  return impl_->file.patch(impl_->id_sections[event], std::as_bytes(std::span(&section, 1)));
}

// Ids that outgrew the head go behind everything.
Result<> Writer::Impl::move_ids() {
  for (size_t i = 0; i < setup.events.size(); ++i) {
    const auto& ids = setup.events[i].ids;
    if (ids.size() <= id_room[i]) continue;
    const FileSection section{file.size(), ids.size() * sizeof(uint64_t)};
    if (auto done = file.append(std::as_bytes(std::span(ids))); !done) return done;
    if (auto done = file.patch(id_sections[i], std::as_bytes(std::span(&section, 1))); !done) return done;
  }
  return {};
}

Result<> Writer::set_aux_info(const AuxInfo& info) {
  AuxInfo& ours = impl_->setup.aux_info;
  TRACECTL_CHECK(info.type == ours.type && info.priv.size() == ours.priv.size(), "AUXTRACE_INFO may not grow");
  ours = info;
  const std::span<const uint64_t> words(info.priv);
  return impl_->file.patch(impl_->data_offset + impl_->setup.first_records.size() + kInfoFixed, std::as_bytes(words));
}

const AuxInfo& Writer::aux_info() const { return impl_->setup.aux_info; }

Result<> Writer::round() {
  if (impl_->file.size() == impl_->round_end) return {};  // nothing new: an idle session does not grow
  const perf_event_header header{perf::kFinishedRound, 0, sizeof header};
  if (auto done = impl_->file.append(std::as_bytes(std::span(&header, 1))); !done) return done;
  impl_->round_end = impl_->file.size();
  return impl_->publish_size();
}

Result<> Writer::finish() {
  if (impl_->finished) return {};
  if (auto done = round(); !done) return done;
  if (auto done = impl_->publish_size(); !done) return done;
  const auto block = feature_block(facts_of_this_machine(impl_->setup), impl_->index, impl_->file.size());
  if (auto done = impl_->file.append(bytes_of(block.bytes)); !done) return done;
  if (auto done = impl_->move_ids(); !done) return done;
  impl_->finished = true;
  // Last: before the bits are set the sections do not exist for a reader.
  return impl_->file.patch(offsetof(FileHeader, features), std::as_bytes(std::span(block.bits)));
}

Result<> Writer::side_file(const std::string& name, const std::string& text) {
  return write_side_file(impl_->setup.directory, name, text);
}

uint64_t Writer::bytes() const { return impl_->file.size(); }
uint64_t Writer::aux_bytes() const { return impl_->aux_bytes; }
const LossTotals& Writer::loss() const { return impl_->loss; }
const std::string& Writer::directory() const { return impl_->setup.directory; }

}  // namespace tracectl::capture
