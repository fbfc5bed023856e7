// SPDX-License-Identifier: MIT
#include "backends/coresight/snapshot_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "core/capture/mapped_file.hpp"
#include "core/fd.hpp"
#include "decode/address_set.hpp"

namespace tracectl::coresight {
namespace {

// The generic core of each architecture that OpenCSD knows.
const char* core_type(const TraceUnit& unit) {
  if (unit.architecture == Architecture::etmv3) return "ARMv7-A";
  return unit.architecture == Architecture::etmv4 ? "ARMv8-A" : "ARM-AA64";
}

std::string source_type(const TraceUnit& unit) {
  if (unit.architecture == Architecture::ete) return "ETE";
  if (unit.architecture == Architecture::etmv4) return "ETM4";
  return fmt::format("{}.{}", is_ptm(unit) ? "PTM1" : "ETM3", unit.etmidr >> 4 & 0xf);
}

// Numbers in brackets: the register's index among the unit's 32-bit registers.
std::string registers_of(const TraceUnit& u) {
  if (u.architecture == Architecture::etmv3)
    return fmt::format("ETMCR(0x000)={:#x}\nETMIDR(0x079)={:#x}\nETMCCER(0x07A)={:#x}\nETMTRACEIDR(0x080)={:#x}\n", u.config,
                       u.etmidr, u.etmccer, u.trace_id & kTraceIdMask);
  std::string out = fmt::format(
      "TRCCONFIGR(0x004)={:#x}\nTRCTRACEIDR(0x010)={:#x}\nTRCAUTHSTATUS(0x3EE)={:#x}\nTRCIDR0(0x078)={:#x}\n"
      "TRCIDR1(0x079)={:#x}\nTRCIDR2(0x07A)={:#x}\nTRCIDR8(0x060)={:#x}\n",
      u.config, u.trace_id & kTraceIdMask, u.authstatus, u.idr0, u.idr1, u.idr2, u.idr8);
  if (u.architecture == Architecture::ete) out += fmt::format("TRCDEVARCH={:#x}\n", u.devarch);
  return out;
}

Result<> write_all(int fd, std::span<const std::byte> part, const std::string& path) {
  while (!part.empty()) {
    const ssize_t n = ::write(fd, part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail_errno("cannot write " + path);
    part = part.subspan(static_cast<size_t>(n));
  }
  return {};
}

// The bytes of a section that its file has.
std::span<const std::byte> code_of(const capture::MappedFile& file, const decode::Section& section) {
  const auto all = file.bytes();
  if (section.file_offset >= all.size()) return {};
  return all.subspan(section.file_offset, std::min<uint64_t>(section.size, all.size() - section.file_offset));
}

}  // namespace

Result<SnapshotWriter> SnapshotWriter::create(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0777) != 0)
    return fail_errno("cannot make the snapshot directory " + directory, "-o names a directory that does not exist yet");
  return SnapshotWriter(directory);
}

Result<> SnapshotWriter::write(const std::string& name, std::span<const std::span<const std::byte>> parts) const {
  const std::string path = directory_ + "/" + name;
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd) return fail_errno("cannot make " + path);
  for (const auto& part : parts)
    if (auto done = write_all(fd.get(), part, path); !done) return done;
  return {};
}

Result<> SnapshotWriter::write_text(const std::string& name, const std::string& text) const {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(text.data()), text.size());
  return write(name, std::span(&bytes, 1));
}

Result<std::string> SnapshotWriter::dumps_of(const decode::ImageTimeline& images, int core) {
  if (const auto known = dumps_.find(&images); known != dumps_.end()) return known->second;
  std::vector<const decode::Section*> newest;
  for (const auto& section : images.sections) newest.push_back(&section);
  std::stable_sort(newest.begin(), newest.end(), [](const auto* a, const auto* b) { return a->time > b->time; });
  decode::AddressSet taken;
  std::string out;
  int number = 0;
  for (const decode::Section* s : newest) {
    auto file = s->file.empty() ? Result<capture::MappedFile>(fail("")) : capture::MappedFile::open(s->file);
    const auto code = file ? code_of(*file, *s) : std::span<const std::byte>{};
    if (code.empty()) {
      ++facts_.unreadable;
      continue;
    }
    if (taken.add(s->address, s->address + code.size())) {
      ++facts_.covered;
      continue;
    }
    const std::string name = fmt::format("core_{}_{:x}.bin", core, s->address);
    if (auto done = write(name, std::span(&code, 1)); !done) return tl::unexpected<Error>(done.error());
    out += fmt::format("\n[dump{}]\nfile={}\naddress={:#x}\nlength={:#x}\n", ++number, name, s->address, code.size());
    ++facts_.dumps;
  }
  return dumps_[&images] = out;
}

Result<> SnapshotWriter::add_core(const SnapshotBuffer& buffer, const TraceUnit& unit, const std::string& dumps) {
  const int n = sources_made_++;
  const std::string core = fmt::format("core_{}", n), source = fmt::format("source_{}", n);
  const std::string registers = unit.architecture == Architecture::etmv3
                                    ? "R15=0x0\nR13=0\nCPSR=0x1D3\n"
                                    : "PC(size:64)=0x0\nSP(size:64)=0\nSCTLR_EL1=0x0\nCPSR=0x0\n";
  const auto text = [](const std::string& name, const char* kind, const std::string& type, const std::string& regs) {
    return fmt::format("[device]\nname={}\nclass={}\ntype={}\n\n[regs]\n{}", name, kind, type, regs);
  };
  if (auto r = write_text(core + ".ini", text(core, "core", core_type(unit), registers) + dumps); !r) return r;
  if (auto r = write_text(source + ".ini", text(source, "trace_source", source_type(unit), registers_of(unit))); !r)
    return r;
  inis_.insert(inis_.end(), {core + ".ini", source + ".ini"});
  sources_ += fmt::format("{}={}\n", source, buffer.name);
  cores_ += fmt::format("{}={}\n", core, source);
  return {};
}

Result<> SnapshotWriter::add(const SnapshotBuffer& buffer) {
  const std::string section = fmt::format("buffer{}", facts_.buffers);
  const std::string file = fmt::format("trace_{}.bin", facts_.buffers);
  if (auto r = write(file, buffer.trace); !r) return r;
  buffer_names_ += (facts_.buffers == 0 ? "" : ",") + section;
  buffers_ += fmt::format("\n[{}]\nname={}\nfile={}\nformat={}\n", section, buffer.name, file,
                          buffer.framed ? "coresight" : "source_data");
  ++facts_.buffers;
  for (const SnapshotCore& core : buffer.cores) {
    auto dumps = dumps_of(*core.images, sources_made_);
    if (!dumps) return tl::unexpected<Error>(dumps.error());
    if (auto r = add_core(buffer, core.unit, *dumps); !r) return r;
  }
  return {};
}

Result<SnapshotFacts> SnapshotWriter::finish() {
  std::string devices;
  for (size_t i = 0; i < inis_.size(); ++i) devices += fmt::format("device{}={}\n", i, inis_[i]);
  const std::string trace = fmt::format("[trace_buffers]\nbuffers={}\n{}\n[source_buffers]\n{}\n[core_trace_sources]\n{}",
                                        buffer_names_, buffers_, sources_, cores_);
  if (auto r = write_text("trace.ini", trace); !r) return tl::unexpected<Error>(r.error());
  const std::string all = fmt::format(
      "[snapshot]\nversion=1.0\ndescription=written by tracectl\n\n[device_list]\n{}\n[trace]\nmetadata=trace.ini\n",
      devices);
  if (auto r = write_text("snapshot.ini", all); !r) return tl::unexpected<Error>(r.error());
  return facts_;
}

}  // namespace tracectl::coresight
