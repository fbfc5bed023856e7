// SPDX-License-Identifier: MIT
#include "decode/locate.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>

#include "core/fd.hpp"
#include "decode/address_set.hpp"
#include "decode/paths.hpp"

namespace tracectl::decode {
namespace {

constexpr unsigned kSlotBits = 14;

}  // namespace

CodeFile::CodeFile(const std::string& path) {
  if (path.empty()) return;
  if (auto symbols = Symbols::open(path)) symbols_.emplace(std::move(*symbols));
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat st;
  if (!fd || ::fstat(fd.get(), &st) != 0 || st.st_size == 0) return;
  void* map = ::mmap(nullptr, static_cast<size_t>(st.st_size), PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (map != MAP_FAILED) bytes_ = {static_cast<const uint8_t*>(map), static_cast<size_t>(st.st_size)};
}

CodeFile::~CodeFile() {
  if (!bytes_.empty()) ::munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

const CodeFile& SymbolStore::file(const std::string& path) {
  auto& slot = files_[path];
  if (slot == nullptr) slot = std::make_unique<CodeFile>(path);
  return *slot;
}

std::optional<SourceLine> Place::line() const {
  if (file == nullptr || file->symbols() == nullptr) return std::nullopt;
  return file->symbols()->line_at(file_offset);
}

std::string Place::object() const { return section == nullptr ? "" : last_parts(section->name, 1); }

std::string Place::function() const {
  if (symbol != nullptr) return symbol->name;
  if (section == nullptr) return "[unknown]";
  // "[vdso]" is bracketed already.
  const std::string name = object();
  return name.starts_with('[') ? name : "[" + name + "]";
}

std::string describe(const Place& place, uint64_t address) {
  if (place.section == nullptr) return fmt::format("{:#x}", address);
  if (place.symbol == nullptr) return fmt::format("{}+{:#x}", place.object(), place.file_offset);
  if (place.into_symbol() == 0) return place.symbol->name;
  return fmt::format("{}+{:#x}", place.symbol->name, place.into_symbol());
}

std::string describe(const std::optional<SourceLine>& line) {
  return line ? fmt::format("{}:{}", last_parts(line->file, 2), line->line) : "";
}

Locator::Locator(SymbolStore& store, const ImageTimeline& images)
    : store_(store), sections_(images), slots_(size_t{1} << kSlotBits) {
  AddressSet taken;
  for (const Section& s : images.sections)
    if (taken.add(s.address, s.address + s.size)) changes_.push_back(s.time);
}

void Locator::advance(uint64_t time) {
  while (stale(time)) ++passed_;
}

const Place& Locator::at(uint64_t address, uint64_t time) {
  Slot& slot = slots_[(address * 0x9e3779b97f4a7c15u) >> (64 - kSlotBits)];
  if (slot.address == address && slot.passed == passed_) return slot.place;
  slot = {address, passed_, {}};
  Place& place = slot.place;
  place.section = sections_.find(address, time);
  if (place.section == nullptr) return place;
  place.file_offset = address - place.section->address + place.section->file_offset;
  place.file = &store_.file(place.section->file);
  if (place.file->symbols() != nullptr) place.symbol = place.file->symbols()->at(place.file_offset);
  return place;
}

std::span<const uint8_t> Locator::code(uint64_t address, uint64_t time) {
  const Section* s = sections_.find(address, time);
  if (s == nullptr) return {};
  const auto bytes = store_.file(s->file).bytes();
  const uint64_t begin = address - s->address + s->file_offset;
  const uint64_t end = std::min<uint64_t>(s->file_offset + s->size, bytes.size());
  return begin < end ? bytes.subspan(begin, end - begin) : std::span<const uint8_t>{};
}

}  // namespace tracectl::decode
