// SPDX-License-Identifier: MIT
#include "machines/kernel/uprobe_page.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <array>
#include <climits>

#include "core/perf/record_build.hpp"

namespace tracectl::kernel {
namespace {

constexpr char kNop = '\x90';
// push rax, rcx, r11; mov rax, 335 (uretprobe); syscall; pop r11, rcx, rax; ret
constexpr unsigned char kTrampoline[] = {0x50, 0x51, 0x41, 0x53, 0x48, 0xc7, 0xc0, 0x4f, 0x01,
                                         0x00, 0x00, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0x58, 0xc3};
constexpr uint32_t kArmNop = 0xd503201f, kArmTrampoline = 0xd42000a0;  // brk 5
constexpr const char* kName = "uprobe-page";

std::string arm_page(uint64_t size) {
  std::string out;
  for (uint64_t at = 0; at + sizeof(uint32_t) <= size; at += sizeof(uint32_t)) {
    const uint32_t word = at == 0 ? kArmTrampoline : kArmNop;
    out.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  return out;
}

}  // namespace

std::string uprobe_page(uint64_t size, BackendKind backend) {
  if (backend == BackendKind::coresight) return arm_page(size);
  std::string out(size, kNop);
  if (size >= sizeof kTrampoline)
    out.replace(0, sizeof kTrampoline, reinterpret_cast<const char*>(kTrampoline), sizeof kTrampoline);
  return out;
}

Result<> UprobePage::mapped(const perf::MmapRecord& mapping, const perf::SampleFields& fields) {
  if (path_.empty()) {
    const std::string name = fmt::format("images/{}", kName);
    if (auto done = writer_.side_file(name, uprobe_page(mapping.length, backend_)); !done) return done;
    std::array<char, PATH_MAX> real{};
    const std::string path = writer_.directory() + "/" + name;
    path_ = realpath(path.c_str(), real.data()) != nullptr ? real.data() : path;
  }
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
  ours.name = path_.c_str();
  alignas(8) std::array<char, PATH_MAX + 256> record{};
  const size_t size = perf::build_mmap2(record.data(), record.size(), sid, ours);
  return writer_.records(std::as_bytes(std::span(record)).first(size));
}

}  // namespace tracectl::kernel
