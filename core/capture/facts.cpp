// SPDX-License-Identifier: MIT
// The header, the attrs and the feature sections of a perf.data file.
#include <fmt/core.h>

#include <algorithm>

#include "core/capture/walk.hpp"

namespace tracectl::capture {
namespace {

constexpr uint64_t kSmallestAttr = 64;  // PERF_ATTR_SIZE_VER0

bool has_magic(const FileView& file, const char (&magic)[8]) {
  const auto bytes = file.at(0, sizeof magic);
  return bytes && std::memcmp(bytes->data(), magic, sizeof magic) == 0;
}

Result<FileHeader> read_header(const FileView& file, const std::string& path) {
  if (has_magic(file, kMagicSwapped))
    return fail_unsupported(fmt::format("cannot read {}: it was recorded on a machine of the other byte order", path));
  if (!has_magic(file, kMagic)) return fail(fmt::format("cannot read {}: it is no perf.data file", path));
  const auto size = file.get<uint64_t>(8);
  if (size && *size == kPipeHeaderSize)
    return fail_unsupported(fmt::format("cannot read {}: it was recorded through a pipe", path),
                            "`perf inject -i FILE -o NEW` turns it into a file that can be read");
  const auto header = file.get<FileHeader>(0);
  if (!header || header->size != sizeof(FileHeader))
    return fail(fmt::format("cannot read {}: its header is cut or has {} bytes instead of {}", path,
                            size.value_or(file.size()), sizeof(FileHeader)));
  if (header->attr_size < kSmallestAttr + sizeof(FileSection) || header->attrs.size % header->attr_size != 0 ||
      !file.at(header->attrs.offset, header->attrs.size))
    return fail(fmt::format("cannot read {}: its list of events is damaged", path));
  if (header->data.offset % 8 != 0 || header->data.offset < sizeof(FileHeader))
    return fail(fmt::format("cannot read {}: its records are misaligned, at byte {}", path, header->data.offset));
  return *header;
}

// One FileAttr; `ids_left` bounds all ids of the file together.
std::optional<EventDesc> read_event(const FileView& file, uint64_t offset, uint64_t attr_size, uint64_t& ids_left) {
  perf_event_attr attr{};
  const uint64_t stored = std::min<uint64_t>(attr_size - sizeof(FileSection), sizeof attr);
  const auto bytes = file.at(offset, stored);
  const auto section = file.get<FileSection>(offset + attr_size - sizeof(FileSection));
  if (!bytes || !section) return std::nullopt;
  std::memcpy(&attr, bytes->data(), stored);
  EventDesc event;
  event.type = attr.type;
  event.config = attr.config;
  event.sample_type = attr.sample_type;
  event.aux_action = perf::aux_action(attr);
  event.sample_id_all = attr.sample_id_all != 0;
  const uint64_t count = section->size / sizeof(uint64_t);
  const auto ids = file.at(section->offset, section->size);
  if (!ids || count > ids_left) return std::nullopt;
  ids_left -= count;
  event.ids.resize(count);
  if (count != 0) std::memcpy(event.ids.data(), ids->data(), count * sizeof(uint64_t));
  return event;
}

// The table behind the records: one FileSection for each set bit.
void read_feature_table(const FileView& file, const FileHeader& header, FileFacts& facts) {
  facts.features.resize(kFeatureBits);
  uint64_t at = header.data.offset + header.data.size;
  for (unsigned feature = 0; feature < kFeatureBits; ++feature) {
    if ((header.features[feature / 64] >> (feature % 64) & 1) == 0) continue;
    const auto section = file.get<FileSection>(at);
    if (section && file.at(section->offset, section->size))
      facts.features[feature] = section;
    else
      facts.cut = true;
    at += sizeof(FileSection);
  }
}

// Where the records end. A recorder that was killed leaves no features, or (perf record) a data
// size of 0: then they go on to the end of the file.
void find_data_end(const FileView& file, const FileHeader& header, FileFacts& facts) {
  facts.finished = std::any_of(std::begin(header.features), std::end(header.features), [](uint64_t b) { return b != 0; });
  facts.data_begin = std::min(header.data.offset, file.size());
  facts.cut = header.data.offset > file.size() || header.data.size > file.size() - header.data.offset;
  if (facts.cut || !facts.finished || header.data.size == 0)
    facts.data_end = file.size();
  else
    facts.data_end = header.data.offset + header.data.size;
}

// A string of a feature section; moves `at` behind it.
std::optional<std::string> read_text(const FileView& file, uint64_t& at, uint64_t end) {
  const auto length = file.get<uint32_t>(at);
  if (!length || end - at < sizeof(uint32_t) || *length > end - at - sizeof(uint32_t)) return std::nullopt;
  const auto bytes = file.at(at + sizeof(uint32_t), *length);
  if (!bytes) return std::nullopt;
  at += sizeof(uint32_t) + *length;
  const auto* text = reinterpret_cast<const char*>(bytes->data());
  return std::string(text, std::find(text, text + *length, '\0'));
}

// Names by position: every recorder writes EVENT_DESC in the order of the attrs.
void read_names(const FileView& file, const FileSection& section, std::vector<EventDesc>& events) {
  const uint64_t end = section.offset + section.size;
  const auto count = file.get<uint32_t>(section.offset);
  const auto attr_size = file.get<uint32_t>(section.offset + 4);
  if (!count || !attr_size || *count != events.size()) return;
  uint64_t at = section.offset + 8;
  for (auto& event : events) {
    if (at > end || end - at < *attr_size + sizeof(uint32_t)) return;
    const auto ids = file.get<uint32_t>(at + *attr_size);
    at += *attr_size + sizeof(uint32_t);
    auto name = read_text(file, at, end);
    if (!ids || !name) return;
    event.name = std::move(*name);
    at += uint64_t{*ids} * sizeof(uint64_t);
  }
}

}  // namespace

Result<FileFacts> read_facts(const FileView& file, const std::string& path) {
  auto header = read_header(file, path);
  if (!header) return tl::unexpected(header.error());
  FileFacts facts;
  uint64_t ids_left = file.size() / sizeof(uint64_t);
  for (uint64_t at = 0; at < header->attrs.size; at += header->attr_size) {
    auto event = read_event(file, header->attrs.offset + at, header->attr_size, ids_left);
    if (!event) return fail(fmt::format("cannot read {}: the ids of event {} are damaged", path, facts.events.size()));
    facts.events.push_back(std::move(*event));
  }
  find_data_end(file, *header, facts);
  read_feature_table(file, *header, facts);
  if (const auto& section = facts.features[kEventDesc]) read_names(file, *section, facts.events);
  return facts;
}

std::string feature_text(const FileView& file, const FileSection& section, unsigned feature) {
  const uint64_t end = section.offset + section.size;
  uint64_t at = section.offset;
  if (feature == kNrCpus) return fmt::format("{}", file.get<uint32_t>(at + 4).value_or(0));
  uint32_t count = 1;
  if (feature == kCmdline) {
    count = file.get<uint32_t>(at).value_or(0);
    at += sizeof(uint32_t);
  }
  std::string out;
  for (uint32_t i = 0; i < count && at < end; ++i) {
    const auto text = read_text(file, at, end);
    if (!text) break;
    out += (i == 0 ? "" : " ") + *text;
  }
  return out;
}

}  // namespace tracectl::capture
