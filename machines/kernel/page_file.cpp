// SPDX-License-Identifier: MIT
#include "machines/kernel/page_file.hpp"

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include <array>
#include <climits>

#include "core/perf/record_build.hpp"

namespace tracectl::kernel {

std::string own_vdso(uint64_t size) {
  const auto at = getauxval(AT_SYSINFO_EHDR);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel tells the address as a number
  return at == 0 ? "" : std::string(reinterpret_cast<const char*>(at), size);
}

Result<std::string> PageFile::path(uint64_t size) {
  if (!path_.empty()) return path_;
  const std::string bytes = bytes_(size);
  if (bytes.empty()) return path_;
  const std::string name = fmt::format("images/{}", name_);
  if (auto done = writer_.side_file(name, bytes); !done) return tl::unexpected<Error>(done.error());
  std::array<char, PATH_MAX> real{};
  const std::string path = writer_.directory() + "/" + name;
  path_ = realpath(path.c_str(), real.data()) != nullptr ? real.data() : path;
  return path_;
}

Result<> PageFile::mapped(const perf::MmapRecord& mapping, const perf::SampleFields& fields) {
  const auto file = path(mapping.length);
  if (!file) return tl::unexpected<Error>(file.error());
  if (file->empty()) return {};
  perf::SampleId sid;
  sid.pid = static_cast<uint32_t>(fields.pid);
  sid.tid = static_cast<uint32_t>(fields.tid);
  sid.time = fields.time + 1;
  sid.cpu = static_cast<uint32_t>(fields.cpu);
  sid.id = fields.id;
  perf::Mapping ours;
  ours.address = mapping.address;
  ours.length = mapping.length;
  ours.prot = mapping.prot;
  ours.flags = mapping.flags;
  ours.name = file->c_str();
  alignas(8) std::array<char, PATH_MAX + 256> record{};
  const size_t size = perf::build_mmap2(record.data(), record.size(), sid, ours);
  return writer_.records(std::as_bytes(std::span(record)).first(size));
}

}  // namespace tracectl::kernel
