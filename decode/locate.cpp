// SPDX-License-Identifier: MIT
#include "decode/locate.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>

#include "core/fd.hpp"
#include "decode/address_set.hpp"
#include "decode/kernel.hpp"
#include "decode/paths.hpp"

namespace tracectl::decode {
namespace {

constexpr unsigned kSlotBits = 14;

}  // namespace

CodeFile::CodeFile(const std::string& path) {
  if (path.empty()) return;
  kernel_ = kernel_symbols_of(path);
  if (kernel_.empty())
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

const Symbol* CodeFile::symbol_at(uint64_t file_offset) const {
  if (symbols_) return symbols_->at(file_offset);
  const auto next = std::upper_bound(kernel_.begin(), kernel_.end(), file_offset,
                                     [](uint64_t at, const Symbol& s) { return at < s.file_offset; });
  if (next == kernel_.begin()) return nullptr;
  const Symbol& s = *std::prev(next);
  return file_offset - s.file_offset < s.size ? &s : nullptr;
}

std::optional<SourceLine> CodeFile::line_at(uint64_t file_offset) const {
  return symbols_ ? symbols_->line_at(file_offset) : std::nullopt;
}

const CodeFile& SymbolStore::file(const std::string& path) {
  auto& slot = files_[path];
  if (slot == nullptr) slot = std::make_unique<CodeFile>(path);
  return *slot;
}

std::optional<SourceLine> Place::line() const { return file == nullptr ? std::nullopt : file->line_at(file_offset); }

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

Locator::Program::Program(const ImageTimeline& images) : sections(images) {
  AddressSet taken;
  for (const Section& s : images.sections)
    if (taken.add(s.address, s.address + s.size)) changes.push_back(s.time);
}

Locator::Locator(SymbolStore& store, const ImageTimeline& images) : store_(store), slots_(size_t{1} << kSlotBits) {
  use(images);
}

void Locator::use(const ImageTimeline& images) {
  auto& program = programs_[&images];
  if (program == nullptr) program = std::make_unique<Program>(images);
  now_ = program.get();
}

void Locator::advance(uint64_t time) {
  while (stale(time)) ++now_->passed;
}

const Place& Locator::at(uint64_t address, uint64_t time) {
  Slot& slot = slots_[(address * 0x9e3779b97f4a7c15u) >> (64 - kSlotBits)];
  if (slot.address == address && slot.program == now_ && slot.passed == now_->passed) return slot.place;
  slot = {address, now_, now_->passed, {}};
  Place& place = slot.place;
  place.section = now_->sections.find(address, time);
  if (place.section == nullptr) return place;
  place.file_offset = address - place.section->address + place.section->file_offset;
  place.file = &store_.file(place.section->file);
  place.symbol = place.file->symbol_at(place.file_offset);
  return place;
}

std::span<const uint8_t> Locator::code_of_one(uint64_t address, uint64_t time) {
  const Section* s = now_->sections.find(address, time);
  if (s == nullptr) return {};
  const auto bytes = store_.file(s->file).bytes();
  const uint64_t begin = address - s->address + s->file_offset;
  const uint64_t end = std::min<uint64_t>(s->file_offset + s->size, bytes.size());
  return begin < end ? bytes.subspan(begin, end - begin) : std::span<const uint8_t>{};
}

std::span<const uint8_t> Locator::code(uint64_t address, uint64_t time) {
  auto part = code_of_one(address, time);
  if (part.empty() || part.size() >= joined_.size()) return part;
  size_t done = 0;
  for (; !part.empty() && done < joined_.size(); part = code_of_one(address + done, time)) {
    const size_t n = std::min(part.size(), joined_.size() - done);
    std::copy_n(part.begin(), n, joined_.begin() + static_cast<long>(done));
    done += n;
  }
  return std::span(joined_).first(done);
}

}  // namespace tracectl::decode
