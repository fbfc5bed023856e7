// SPDX-License-Identifier: MIT
#include "core/capture/repair.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>

#include "core/capture/capture_json.hpp"
#include "core/capture/directory.hpp"
#include "core/capture/features.hpp"
#include "core/capture/format.hpp"
#include "core/capture/mapped_file.hpp"
#include "core/capture/tally.hpp"
#include "core/capture/walk.hpp"
#include "core/fd.hpp"

namespace tracectl::capture {
namespace {

// What stands in the data file.
struct Survey {
  FileHeader header{};
  FileFacts facts;
  bool whole = false;
  uint64_t end = 0;  // of the last whole record
  uint64_t records = 0, trace_bytes = 0;
  uint32_t aux_type = 0;
  uint64_t aux_pmu = 0;  // the trace unit's event type
  std::vector<IndexEntry> index;
  LossTotals loss;
};

Result<Survey> survey_of(const FileView& file, const std::string& path) {
  Survey out;
  auto facts = read_facts(file, path);
  if (!facts) return fail(facts.error().what, "nothing behind its head can be told apart: there is nothing to save in it");
  out.facts = std::move(*facts);
  out.header = *file.get<FileHeader>(0);
  out.end = out.facts.data_begin;
  const auto walked = walk_records(file, out.facts.data_begin, out.facts.data_end, [&](const RawRecord& raw) {
    const uint64_t size = sizeof(perf_event_header) + raw.body.size();
    ++out.records;
    tally(raw.type, raw.body, out.loss);
    if (raw.type == perf::kAuxtrace) {
      out.index.push_back({raw.offset, size});
      out.trace_bytes += raw.payload;
    } else if (raw.type == perf::kAuxtraceInfo && raw.body.size() >= 16) {
      out.aux_type = *file.get<uint32_t>(raw.offset + sizeof(perf_event_header));
      out.aux_pmu = *file.get<uint64_t>(raw.offset + sizeof(perf_event_header) + 8);
    }
    out.end = raw.offset + size + raw.payload;
    return true;
  });
  out.whole = walked == WalkEnd::whole && out.facts.finished && !out.facts.cut;
  return out;
}

std::string name_of_event(const EventDesc& event, const Survey& survey, const JsonFacts& known) {
  for (const uint64_t id : event.ids)
    if (const auto found = known.event_names.find(id); found != known.event_names.end()) return found->second;
  if (!event.name.empty()) return event.name;
  if (survey.aux_type == perf::kAuxtraceIntelPt && event.type == survey.aux_pmu) return "intel_pt//u";
  return event.type == PERF_TYPE_SOFTWARE ? "dummy:u" : "trigger";
}

FeatureFacts features_of(const FileView& file, const Survey& survey, const JsonFacts& known) {
  FeatureFacts out;
  out.os_release = known.kernel;
  out.cpu_desc = known.cpu;
  out.cpuid = known.cpuid;
  out.cpus_configured = out.cpus_online = known.cpus;
  out.command_line = known.command;
  out.arch = arch_of(survey.aux_type);
  uint64_t at = survey.header.attrs.offset;
  for (const EventDesc& event : survey.facts.events) {
    EventSetup setup;
    const uint64_t stored = std::min<uint64_t>(survey.header.attr_size - sizeof(FileSection), setup.attr.size());
    if (const auto bytes = file.at(at, stored)) std::copy(bytes->begin(), bytes->end(), setup.attr.begin());
    setup.name = name_of_event(event, survey, known);
    setup.ids = event.ids;
    out.events.push_back(std::move(setup));
    at += survey.header.attr_size;
  }
  return out;
}

// The data file, open for the repair alone.
class Target {
 public:
  static Result<Target> open(const std::string& path) {
    Target out;
    out.path_ = path;
    out.fd_ = Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!out.fd_) return fail_errno(fmt::format("cannot open {} for writing", path));
    if (::flock(out.fd_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      return fail(fmt::format("cannot repair {}: a tracectl is recording or repairing it", path),
                  "wait until it has ended; `tracectl info` reads the capture meanwhile");
    return out;
  }
  // On the disk when it returns.
  Result<> write(uint64_t at, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t done = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return fail_errno(fmt::format("cannot write {} bytes to {}", bytes.size(), path_), kHint);
      at += static_cast<uint64_t>(done);
      bytes = bytes.subspan(static_cast<size_t>(done));
    }
    return sync();
  }
  Result<> cut(uint64_t size) {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0)
      return fail_errno(fmt::format("cannot cut {} to {} bytes", path_, size));
    return sync();
  }

 private:
  static constexpr const char* kHint = "the capture reads as before; free some space and repair it again";
  Result<> sync() {
    if (::fsync(fd_.get()) != 0) return fail_errno(fmt::format("cannot write {} to its disk", path_), kHint);
    return {};
  }
  std::string path_;
  Fd fd_;
};

// The bytes behind the last whole record, in a file of their own; its name.
Result<std::string> keep_tail(const std::string& directory, const FileView& file, uint64_t end) {
  if (file.size() == end) return std::string();
  const auto tail = *file.at(end, file.size() - end);
  std::string name = fmt::format("{}.cut-{}", kDataName, end);
  struct stat st {};
  for (int n = 2; ::lstat((directory + "/" + name).c_str(), &st) == 0; ++n)
    name = fmt::format("{}.cut-{}.{}", kDataName, end, n);
  const std::string_view text(reinterpret_cast<const char*>(tail.data()), tail.size());
  if (auto done = write_side_file(directory, name, text); !done) return tl::unexpected(done.error());
  return name;
}

// Steps 2 to 5 of the header comment.
Result<> rewrite(Target& target, const std::string& directory, const FileView& file, const Survey& survey,
                 const JsonFacts& known, Repair& out) {
  FileHeader header = survey.header;
  header.data.size = survey.end - header.data.offset;
  std::fill(std::begin(header.features), std::end(header.features), 0);
  if (auto done = target.write(0, std::as_bytes(std::span(&header, 1))); !done) return done;
  const auto features = features_of(file, survey, known);
  out.cut_bytes = file.size() - survey.end;
  auto kept = keep_tail(directory, file, survey.end);
  if (!kept) return tl::unexpected(kept.error());
  out.kept_in = std::move(*kept);
  if (auto done = target.cut(survey.end); !done) return done;  // the map ends there, too
  const auto block = feature_block(features, survey.index, survey.end);
  if (auto done = target.write(survey.end, std::as_bytes(std::span(block.bytes))); !done) {
    (void)target.cut(survey.end);
    return done;
  }
  return target.write(offsetof(FileHeader, features), std::as_bytes(std::span(block.bits)));
}

}  // namespace

Result<Repair> repair(const std::string& directory) {
  struct stat st {};
  if (::stat(directory.c_str(), &st) != 0) return fail_errno(fmt::format("cannot repair {}", directory));
  if (!is_capture(directory))
    return fail(fmt::format("cannot repair {}: it is no capture (a directory whose file `data` is a perf.data)", directory),
                S_ISDIR(st.st_mode) ? "" : "name the directory that `tracectl run` made");
  const std::string path = directory + "/" + kDataName;
  auto target = Target::open(path);
  if (!target) return tl::unexpected(target.error());
  auto map = MappedFile::open(path);
  if (!map) return tl::unexpected(map.error());
  const FileView file(map->bytes());
  auto survey = survey_of(file, path);
  if (!survey) return tl::unexpected(survey.error());
  Repair out;
  out.records = survey->records;
  out.trace_bytes = survey->trace_bytes;
  if (survey->whole) return out;
  out.changed = true;
  if (survey->records == 0)
    return fail(fmt::format("cannot repair {}: it holds no whole record", directory), "there is nothing to save in it");
  survey->loss[LossKind::cut_file] = 1;
  auto known = mark_repaired(directory, survey->loss);
  if (!known) return tl::unexpected(known.error());
  if (auto done = rewrite(*target, directory, file, *survey, *known, out); !done) return tl::unexpected(done.error());
  return out;
}

}  // namespace tracectl::capture
