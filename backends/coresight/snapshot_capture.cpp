// SPDX-License-Identifier: MIT
#include "backends/coresight/snapshot_capture.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "backends/coresight/frames.hpp"
#include "core/capture/format.hpp"
#include "core/capture/mapped_file.hpp"
#include "core/perf/record_build.hpp"

namespace tracectl::coresight {
namespace {

using capture::Snapshot;
using capture::SnapshotDevice;

constexpr uint32_t kNoPmu = ~0u;

// By the device's type: "ETM4.1", "PTM1.0", "PFT1.1", "ETE".
std::optional<Architecture> architecture_of(std::string_view type) {
  if (type.starts_with("ETE")) return Architecture::ete;
  if (type.starts_with("ETM4") || type.starts_with("ETMv4")) return Architecture::etmv4;
  if (type.starts_with("ETM3") || type.starts_with("PTM") || type.starts_with("PFT")) return Architecture::etmv3;
  return std::nullopt;
}

// Registers by where they go. Those that decoding cannot do without come first.
Result<> read_registers(const SnapshotDevice& device, TraceUnit& unit) {
  using Row = std::pair<const char*, uint64_t TraceUnit::*>;
  static constexpr Row k3[] = {
      {"ETMCR", &TraceUnit::config}, {"ETMIDR", &TraceUnit::etmidr}, {"ETMCCER", &TraceUnit::etmccer}};
  static constexpr Row k4[] = {{"TRCCONFIGR", &TraceUnit::config},
                               {"TRCIDR0", &TraceUnit::idr0},
                               {"TRCIDR1", &TraceUnit::idr1},
                               {"TRCIDR2", &TraceUnit::idr2}};
  const bool old = unit.architecture == Architecture::etmv3;
  for (const auto& [name, field] : old ? std::span<const Row>(k3) : std::span<const Row>(k4)) {
    const auto value = device.reg(name);
    if (!value) return tl::unexpected<Error>(value.error());
    unit.*field = *value;
  }
  unit.trace_id = device.reg_or_zero(old ? "ETMTRACEIDR" : "TRCTRACEIDR");
  if (old) return {};
  unit.idr8 = device.reg_or_zero("TRCIDR8");
  unit.authstatus = device.reg_or_zero("TRCAUTHSTATUS");
  if (unit.architecture != Architecture::ete) return {};
  const auto devarch = device.reg("TRCDEVARCH");
  if (!devarch) return tl::unexpected<Error>(devarch.error());
  unit.devarch = *devarch;
  return {};
}

// The bytes of a perf.data file, record by record.
class Image {
 public:
  Image() {
    bytes_.resize(sizeof(capture::FileHeader));
    const perf_event_attr attr = perf::recorded_attr(kNoPmu, 0);
    put(&attr, perf::kAttrSize);
    const capture::FileSection no_ids{};
    put(&no_ids, sizeof no_ids);
    begin_ = bytes_.size();
  }
  void put(const void* data, size_t size) {
    const auto* from = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), from, from + size);
  }
  template <class Build, class... Args>
  bool add(Build build, const Args&... args) {
    char buffer[8192];
    const size_t size = build(buffer, sizeof buffer, args...);
    put(buffer, size);
    return size != 0;
  }
  void add_info(const capture::AuxInfo& info) {
    const auto size = static_cast<uint16_t>(sizeof(perf_event_header) + 8 + info.priv.size() * 8);
    const perf_event_header header{perf::kAuxtraceInfo, 0, size};
    const uint32_t type[2] = {info.type, 0};
    put(&header, sizeof header);
    put(type, sizeof type);
    put(info.priv.data(), info.priv.size() * 8);
  }
  // One AUXTRACE record, and the AUX record that tells of it.
  void add_trace(uint32_t idx, int32_t cpu, bool raw, std::span<const std::byte> trace) {
    perf::SampleId who{~0u, ~0u, 0, static_cast<uint32_t>(cpu), 0, 0};
    add(perf::build_aux, who, uint64_t{0}, uint64_t{trace.size()}, raw ? perf::kAuxFormatCoresightRaw : uint64_t{0});
    const uint64_t padded = (trace.size() + 7) / 8 * 8;
    perf::AuxtraceRecord record{{perf::kAuxtrace, 0, sizeof record}, padded, 0, 0, idx, ~0u, static_cast<uint32_t>(cpu), 0};
    put(&record, sizeof record);
    put(trace.data(), trace.size());
    bytes_.resize(bytes_.size() + (padded - trace.size()));
  }
  // The header, and one feature section, which says that the file is whole.
  std::vector<std::byte> finish() {
    capture::FileHeader header{};
    std::memcpy(header.magic, capture::kMagic, sizeof header.magic);
    header.size = sizeof header;
    header.attr_size = perf::kAttrSize + sizeof(capture::FileSection);
    header.attrs = {sizeof header, header.attr_size};
    header.data = {begin_, bytes_.size() - begin_};
    header.features[0] = uint64_t{1} << capture::kArch;
    const capture::FileSection section{bytes_.size() + sizeof section, 4 + capture::kStringAlign};
    put(&section, sizeof section);
    const uint32_t length = capture::kStringAlign;
    put(&length, sizeof length);
    char text[capture::kStringAlign] = "aarch64";
    put(text, sizeof text);
    std::memcpy(bytes_.data(), &header, sizeof header);
    return std::move(bytes_);
  }

 private:
  std::vector<std::byte> bytes_;
  uint64_t begin_ = 0;
};

// What the core of a source is called, and its memory.
Result<> add_core(const SnapshotSource& source, Image& out) {
  const auto number = static_cast<uint32_t>(source.unit.cpu);
  const perf::SampleId who{number, number, 0, number, 0, 0};
  bool good = out.add(perf::build_comm, who, source.core.c_str(), false);
  for (const auto& dump : source.dumps) {
    perf::Mapping map{};
    map.address = dump.address, map.length = dump.length, map.file_offset = dump.offset;
    map.prot = PROT_READ | PROT_EXEC;
    map.name = dump.file.c_str();
    good = good && out.add(perf::build_mmap2, who, map);
  }
  good = good && out.add(perf::build_itrace_start, who);
  return good ? Result<>{} : fail(fmt::format("cannot read the snapshot: a name of {} is too long", source.core));
}

// The trace of buffer `idx`.
Result<> add_buffer(const capture::SnapshotBuffer& buffer, uint32_t idx, const std::vector<SnapshotSource>& sources,
                    Image& out) {
  const auto file = capture::MappedFile::open(buffer.file);
  if (!file) return tl::unexpected<Error>(file.error());
  const auto ours = [&buffer](const SnapshotSource& s) { return s.buffer == buffer.name; };
  const auto first = std::find_if(sources.begin(), sources.end(), ours);
  // A buffer of frames has no cpu; each has a number of its own all the same.
  const auto nobody = -1 - static_cast<int32_t>(idx);
  if (buffer.format == "source_data")
    out.add_trace(idx, first == sources.end() ? nobody : first->unit.cpu, true, file->bytes());
  else if (buffer.format == "coresight")
    out.add_trace(idx, nobody, false, file->bytes());
  else if (buffer.format == "dstream_coresight")
    out.add_trace(idx, nobody, false, frames_between_syncs(file->bytes()));
  else
    return fail_unsupported(
        fmt::format("cannot read the trace buffer {}: its format '{}' is not known", buffer.name, buffer.format),
        "known are source_data, coresight and dstream_coresight");
  return {};
}

}  // namespace

Result<std::vector<SnapshotSource>> sources_of(const Snapshot& snapshot) {
  std::vector<SnapshotSource> out;
  for (size_t i = 0; i < snapshot.source_buffers.size(); ++i) {
    const auto& [name, buffer] = snapshot.source_buffers[i];
    const SnapshotDevice* device = snapshot.device(name);
    const auto architecture = device == nullptr ? std::nullopt : architecture_of(device->type);
    if (!architecture) continue;
    SnapshotSource source{{}, name, buffer, {}};
    source.unit.architecture = *architecture;
    source.unit.cpu = static_cast<int>(i);
    if (auto done = read_registers(*device, source.unit); !done) return tl::unexpected<Error>(done.error());
    for (const auto& [core, of] : snapshot.core_sources) {
      const SnapshotDevice* known = of == name ? snapshot.device(core) : nullptr;
      if (known == nullptr) continue;
      source.core = core;
      source.dumps = known->dumps;
    }
    out.push_back(std::move(source));
  }
  return out;
}

std::vector<std::byte> frames_between_syncs(std::span<const std::byte> stream) {
  std::vector<std::byte> out;
  auto at = std::search(stream.begin(), stream.end(), kFrameSync.begin(), kFrameSync.end());
  while (stream.end() - at >= static_cast<std::ptrdiff_t>(kFrameSync.size())) {
    if (std::equal(kFrameSync.begin(), kFrameSync.end(), at)) {
      at += kFrameSync.size();
    } else {
      if (stream.end() - at < static_cast<std::ptrdiff_t>(kFrameSize)) break;
      out.insert(out.end(), at, at + kFrameSize);
      at += kFrameSize;
    }
  }
  return out;
}

Result<capture::Reader> open_snapshot(const std::string& directory) {
  const auto snapshot = capture::read_snapshot(directory);
  if (!snapshot) return tl::unexpected<Error>(snapshot.error());
  const auto sources = sources_of(*snapshot);
  if (!sources) return tl::unexpected<Error>(sources.error());
  Image image;
  TraceInfo info;
  info.pmu_type = kNoPmu;
  for (const SnapshotSource& source : *sources) info.units.push_back(source.unit);
  constexpr size_t kMostUnits = 512;  // that a record of 64 KiB holds
  if (info.units.size() > kMostUnits)
    return fail(fmt::format("cannot read {}: {} trace sources", directory, info.units.size()));
  image.add_info(build_info(info));
  for (const SnapshotSource& source : *sources)
    if (auto done = add_core(source, image); !done) return tl::unexpected<Error>(done.error());
  for (size_t i = 0; i < snapshot->buffers.size(); ++i)
    if (auto done = add_buffer(snapshot->buffers[i], static_cast<uint32_t>(i), *sources, image); !done)
      return tl::unexpected<Error>(done.error());
  return capture::Reader::of(image.finish(), directory);
}

}  // namespace tracectl::coresight
