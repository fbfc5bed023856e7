// SPDX-License-Identifier: MIT
#include "decode/image.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "core/perf/records.hpp"
#include "core/perf/uapi.hpp"
#include "decode/build_id.hpp"
#include "decode/kernel.hpp"
#include "decode/paths.hpp"

namespace tracectl::decode {
namespace {

bool exists(const std::string& path) {
  struct stat st;
  return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

// Finds the bytes of mapped files; each file is asked once.
class FileFinder {
 public:
  FileFinder(std::string directory, std::string symfs) : directory_(std::move(directory)), symfs_(std::move(symfs)) {}

  std::string find(const Section& section) {
    const auto [at, fresh] = known_.try_emplace({section.name, section.build_id});
    if (fresh) at->second = look(section);
    return at->second;
  }

 private:
  [[nodiscard]] std::string look(const Section& section) const {
    if (!directory_.empty()) {
      const std::string images = directory_ + "/images/";
      if (!section.build_id.empty() && exists(images + section.build_id)) return images + section.build_id;
      // Code without a file is named by the place where the recorder put it; the capture may have moved since.
      const size_t mark = section.name.rfind("images/");
      if (mark != std::string::npos && exists(images + section.name.substr(mark + 7)))
        return images + section.name.substr(mark + 7);
    }
    if (section.name.empty() || section.name[0] != '/') return {};
    if (!symfs_.empty())
      for (const std::string& path : {symfs_ + section.name, symfs_ + "/" + last_parts(section.name, 1)})
        if (fits(path, section)) return path;
    return fits(section.name, section) ? section.name : "";
  }
  // It is there, and no other build.
  static bool fits(const std::string& path, const Section& section) {
    return exists(path) && (section.build_id.empty() || build_id_of(path) == section.build_id);
  }

  std::string directory_, symfs_;
  std::map<std::pair<std::string, std::string>, std::string> known_;
};

// What one record says about code or processes. `section.time` is set for every kind.
struct Sideband {
  enum class Kind : uint8_t { map, exec, comm, fork };
  Kind kind = Kind::map;
  int32_t pid = -1, tid = -1, parent = -1;
  std::string comm;
  Section section;
};

std::string hex(std::span<const std::byte> bytes) {
  std::string out;
  // A recorder that found no build-id may write zeros.
  if (std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; })) return out;
  for (const std::byte b : bytes) out += fmt::format("{:02x}", static_cast<unsigned>(b));
  return out;
}

std::optional<Sideband> sideband_of_map(const capture::Record& r) {
  const auto map = perf::parse_mmap(r.type, r.misc, r.body);
  if (!map || (map->prot & PROT_EXEC) == 0) return std::nullopt;
  Sideband out;
  out.pid = map->pid;
  out.tid = map->tid;
  out.section = {r.time, map->address, map->length, map->file_offset, {}, std::string(map->name), hex(map->build_id)};
  return out;
}

std::optional<Sideband> sideband_of(const capture::Record& r) {
  Sideband out;
  out.section.time = r.time;
  if (r.type == PERF_RECORD_MMAP || r.type == PERF_RECORD_MMAP2) return sideband_of_map(r);
  if (r.type == PERF_RECORD_COMM) {
    const auto comm = perf::parse_comm(r.misc, r.body);
    if (!comm) return std::nullopt;
    out.kind = comm->exec ? Sideband::Kind::exec : Sideband::Kind::comm;
    out.pid = comm->pid;
    out.tid = comm->tid;
    out.comm = comm->comm;
    return out;
  }
  if (r.type != PERF_RECORD_FORK) return std::nullopt;
  const auto fork = perf::parse_task(r.body);
  if (!fork) return std::nullopt;
  out.kind = Sideband::Kind::fork;
  out.pid = fork->pid;
  out.tid = fork->tid;
  out.parent = fork->ppid;
  if (out.section.time == 0) out.section.time = fork->time;
  return out;
}

// What a record tells of the kernel's code: only where it lies. A guest's is none of this machine's.
void add_kernel_mapping(Section section, std::vector<Section>& kernel) {
  if (section.address < kKernelBegin || section.size == 0 || section.name.starts_with("[guest")) return;
  if (section.address + section.size < section.address) return;
  if (section.name.starts_with("[kernel")) section.name = kKernelName;
  section.time = 0;
  section.file_offset = 0;
  section.build_id.clear();
  kernel.push_back(std::move(section));
}

}  // namespace

const Section* ImageTimeline::find(uint64_t address, uint64_t time) const {
  const Section* best = nullptr;
  for (const Section& s : sections) {
    if (address < s.address || address - s.address >= s.size) continue;
    // Before its own time a section still is the best guess when nothing older lies there.
    if (s.time <= time || best == nullptr) best = &s;
  }
  return best;
}

SectionIndex::SectionIndex(const ImageTimeline& images) {
  for (const Section& s : images.sections) {
    begins_.push_back(s.address);
    begins_.push_back(s.address + s.size);
  }
  std::sort(begins_.begin(), begins_.end());
  begins_.erase(std::unique(begins_.begin(), begins_.end()), begins_.end());
  there_.resize(begins_.size());
  for (const Section& s : images.sections) {
    const auto first = std::lower_bound(begins_.begin(), begins_.end(), s.address);
    for (auto at = first; *at < s.address + s.size; ++at) there_[static_cast<size_t>(at - begins_.begin())].push_back(&s);
  }
}

const Section* SectionIndex::find(uint64_t address, uint64_t time) const {
  const auto behind = std::upper_bound(begins_.begin(), begins_.end(), address);
  if (behind == begins_.begin()) return nullptr;
  const auto& list = there_[static_cast<size_t>(behind - begins_.begin()) - 1];
  if (list.empty()) return nullptr;
  const auto later =
      std::upper_bound(list.begin(), list.end(), time, [](uint64_t t, const Section* s) { return t < s->time; });
  // Before its own time a section still is the best guess when nothing older lies there.
  return later == list.begin() ? list.front() : *std::prev(later);
}

ImageSet::Epoch& ImageSet::current(int32_t pid) {
  auto& list = epochs_[pid];
  if (list.empty()) list.emplace_back();
  return list.back();
}

void ImageSet::add_section(int32_t pid, const Section& section) { current(pid).images.sections.push_back(section); }

void ImageSet::add_exec(int32_t pid, uint64_t time, const std::string& comm) {
  auto& list = epochs_[pid];
  // The first program of a process: what came before it is only a guess.
  if (list.empty()) list.emplace_back();
  list.push_back({time, comm, {}});
}

void ImageSet::add_comm(int32_t pid, const std::string& comm) { current(pid).comm = comm; }

void ImageSet::add_fork(int32_t pid, int32_t parent, uint64_t time) {
  Epoch child = current(parent);
  child.begin = time;
  epochs_[pid].push_back(std::move(child));
}

// A program of which nothing but the kernel is known is none.
const ImageSet::Epoch* ImageSet::find(int32_t pid, uint64_t time) const {
  const auto at = epochs_.find(pid);
  if (at == epochs_.end()) return nullptr;
  const Epoch* best = nullptr;
  for (const Epoch& e : at->second)
    if (best == nullptr || e.begin <= time || best->images.sections.size() == kernel_.sections.size()) best = &e;
  return best;
}

const ImageTimeline& ImageSet::at(int32_t pid, uint64_t time) const {
  const Epoch* epoch = find(pid, time);
  return epoch == nullptr ? kernel_ : epoch->images;
}

const std::string& ImageSet::comm(int32_t pid, uint64_t time) const {
  static const std::string kNone;
  const Epoch* epoch = find(pid, time);
  return epoch == nullptr ? kNone : epoch->comm;
}

int32_t ImageSet::pid_of(int32_t tid) const {
  const auto at = pids_.find(tid);
  return at == pids_.end() ? tid : at->second;
}

std::vector<uint64_t> ImageSet::begins(int32_t pid) const {
  std::vector<uint64_t> out;
  if (const auto at = epochs_.find(pid); at != epochs_.end())
    for (const Epoch& e : at->second) out.push_back(e.begin);
  return out;
}

void ImageSet::add_kernel(const std::vector<Section>& sections) {
  kernel_.sections = sections;
  for (auto& [pid, list] : epochs_)
    for (Epoch& epoch : list) epoch.images.sections.insert(epoch.images.sections.begin(), sections.begin(), sections.end());
}

ImageSet ImageSet::from_capture(const capture::Reader& reader, const std::string& symfs) {
  std::vector<Sideband> records;
  reader.for_each_record([&records](const capture::Record& r) {
    if (auto record = sideband_of(r)) records.push_back(std::move(*record));
    return true;
  });
  // Rings of different threads are drained one after the other: the file is not in time order.
  std::stable_sort(records.begin(), records.end(),
                   [](const Sideband& a, const Sideband& b) { return a.section.time < b.section.time; });
  ImageSet set;
  FileFinder files(reader.directory(), symfs);
  std::vector<Section> kernel;
  for (Sideband& r : records) {
    if (r.pid < 0) {
      if (r.kind == Sideband::Kind::map) add_kernel_mapping(r.section, kernel);
      continue;
    }
    set.pids_[r.tid] = r.pid;
    switch (r.kind) {
      case Sideband::Kind::map:
        r.section.file = files.find(r.section);
        set.add_section(r.pid, r.section);
        break;
      case Sideband::Kind::exec:
        set.add_exec(r.pid, r.section.time, r.comm);
        break;
      case Sideband::Kind::comm:
        if (r.pid == r.tid) set.add_comm(r.pid, r.comm);
        break;
      case Sideband::Kind::fork:
        if (r.pid != r.parent) set.add_fork(r.pid, r.parent, r.section.time);
        break;
    }
  }
  // The capture's own copy says more than what the records tell of the kernel.
  const auto copied = kernel_sections(find_kcore(reader.directory()));
  set.add_kernel(copied.empty() ? kernel : copied);
  return set;
}

}  // namespace tracectl::decode
