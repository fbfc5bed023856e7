// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/code.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bitset>
#include <cstring>
#include <map>

#include "machines/emulated/plugin/blocks.hpp"
#include "machines/emulated/plugin/guest_memory.hpp"
#include "machines/emulated/plugin/link.hpp"
#include "machines/emulated/plugin/output.hpp"
#include "machines/emulated/plugin/ranges.hpp"

namespace tracectl::plugin {

using emulated::kCodeSlot;
using emulated::kPageSize;

namespace {

constexpr uint64_t kPageMask = ~(kPageSize - 1);
constexpr size_t kLookBack = 32;  // older versions of a page that are compared with what lies there now

// What the code page at an address was from some moment on.
struct Version {
  uint8_t* bytes = nullptr;  // in the image file; kCodeSlot of them
  uint64_t file_offset = 0;
  uint64_t since = 0;              // ns: the latest MMAP2 record that named it
  bool frozen = false;             // shared with a forked child
  std::bitset<kCodeSlot> covered;  // those that a block was decoded from
};

struct Page {
  Version* current = nullptr;
  std::vector<Version*> versions;
};

struct Store {
  Ranges files;
  std::map<uint64_t, Page> pages;
  CodeRoom room;  // mapped; never unmapped, versions point into it
  uint64_t used = 0;
  bool refused = false;  // there is no room to be had
  char path[emulated::kMaxPath] = {};
};

// Under g.mutex. Never destroyed: callbacks run until the very end.
Store& store() {
  static auto* s = new Store;
  return *s;
}

// Bytes of one page slot, as the program has them now.
struct Piece {
  uint64_t from = 0, to = 0;  // within the slot
  const uint8_t* bytes = nullptr;
};

bool agrees(const Version& v, const Piece& p) {
  for (uint64_t i = p.from; i < p.to; ++i) {
    if (v.covered[i] ? v.bytes[i] != p.bytes[i - p.from] : v.frozen) return false;
  }
  return true;
}

void fill(Version& v, const Piece& p) {
  if (v.frozen) return;  // agrees() found all of it there
  std::memcpy(v.bytes + p.from, p.bytes, p.to - p.from);
  for (uint64_t i = p.from; i < p.to; ++i) v.covered.set(i);
}

Version* new_version() {
  Store& s = store();
  if (s.room.bytes == nullptr || s.used + kCodeSlot > s.room.size) {
    s.room = s.refused ? CodeRoom{} : request_code_room(s.path);
    s.used = 0;
    s.refused = s.room.bytes == nullptr;
    if (s.refused) return nullptr;
  }
  auto* v = new Version;
  v->bytes = s.room.bytes + s.used;
  v->file_offset = s.room.offset + s.used;
  s.used += kCodeSlot;
  return v;
}

// Bytes of `from` that the program still has are taken over into `to`.
void take_over(Version& to, const Version* from, const uint8_t* now) {
  if (from == nullptr) return;
  for (uint64_t i = 0; i < kCodeSlot; ++i) {
    if (!from->covered[i] || from->bytes[i] != now[i]) continue;
    to.bytes[i] = now[i];
    to.covered.set(i);
  }
}

// The page differs from its current version: an earlier one that it equals again, or a new one.
Version* other_version(uint64_t address, Page& page) {
  uint8_t now[kCodeSlot] = {};
  (void)read_guest(address, now, kPageSize);
  (void)read_guest(address + kPageSize, now + kPageSize, kCodeSlot - kPageSize);  // may be no memory: then no code
  const auto still = [&now](const Version& v) {
    for (uint64_t i = 0; i < kCodeSlot; ++i)
      if (v.covered[i] && v.bytes[i] != now[i]) return false;
    return true;
  };
  Version* found = nullptr;
  const size_t oldest = page.versions.size() - std::min(page.versions.size(), kLookBack);
  for (size_t i = page.versions.size(); i > oldest && found == nullptr; --i)
    if (!page.versions[i - 1]->frozen && still(*page.versions[i - 1])) found = page.versions[i - 1];
  if (found == nullptr) {
    found = new_version();
    if (found == nullptr) return nullptr;
    page.versions.push_back(found);
  }
  take_over(*found, page.current, now);
  return found;
}

void announce(ThreadState* s, uint64_t address, Version& v) {
  perf::Mapping m;
  m.address = address;
  m.length = kPageSize;
  m.file_offset = v.file_offset;
  m.prot = PROT_READ | PROT_EXEC;
  m.flags = MAP_PRIVATE;
  m.name = store().path;
  char record[4096 + 256];
  const auto sid = sample_id(s, emulated::kSidebandId);
  put_record(s, record, perf::build_mmap2(record, sizeof record, sid, m));
  v.since = sid.time;
}

// From when on the piece can be read in the image; 0 when it cannot be stored.
uint64_t store_piece(ThreadState* s, uint64_t address, const Piece& piece) {
  Page& page = store().pages[address];
  if (page.current == nullptr || !agrees(*page.current, piece)) {
    Version* v = other_version(address, page);
    if (v == nullptr) return 0;
    fill(*v, piece);
    page.current = v;
    announce(s, address, *v);
  } else {
    fill(*page.current, piece);
  }
  return page.current->since;
}

}  // namespace

void memory_changed(uint64_t begin, uint64_t end) {
  const std::lock_guard lock(g.mutex);
  Store& s = store();
  s.files.remove(begin, end);
  for (auto at = s.pages.lower_bound(begin & kPageMask); at != s.pages.end() && at->first < end; ++at)
    at->second.current = nullptr;
}

void code_writable(uint64_t begin, uint64_t end) {
  const std::lock_guard lock(g.mutex);
  // The page before it too: decoders keep what they decoded of a mapped file, and code that
  // runs on from there into changed bytes must not be among that.
  if (!store().files.remove(begin, end)) return;
  store().files.remove(begin - kPageSize, begin);
  for (const auto& [pc, block] : g.blocks)
    if (pc >= begin - kPageSize && pc < end) mark_block(*block);
}

void file_lies(uint64_t begin, uint64_t end) {
  memory_changed(begin, end);
  const std::lock_guard lock(g.mutex);
  store().files.add(begin, end);
}

bool lies_in_file(uint64_t begin, uint64_t end) { return store().files.holds(begin, end); }

void store_code(ThreadState* s, const Block& b) {
  const std::lock_guard lock(g.mutex);
  uint8_t now[2 * kPageSize];
  const uint64_t size = std::min<uint64_t>(b.fall - b.pc, sizeof now);
  uint64_t since = 1;  // stored or not, it was looked at
  if (read_guest(b.pc, now, size)) {
    for (uint64_t page = b.pc & kPageMask; page < b.pc + size; page += kPageSize) {
      if (lies_in_file(page, page + kPageSize)) continue;
      const uint64_t from = std::max(b.pc, page), to = std::min(b.pc + size, page + kCodeSlot);
      since = std::max(since, store_piece(s, page, {from - page, to - page, now + (from - b.pc)}));
    }
  }
  __atomic_store_n(&b.since, since, __ATOMIC_RELAXED);
}

void freeze_code() {
  for (auto& [address, page] : store().pages)
    for (Version* v : page.versions) v->frozen = true;
}

void leave_code_room() {
  store().room = {};
  store().used = 0;
}

}  // namespace tracectl::plugin
