// SPDX-License-Identifier: MIT
#include "decode/call_test.hpp"

#include <elf.h>
#include <fcntl.h>

#include <cstring>

#include "core/elf_machine.hpp"
#include "core/fd.hpp"

namespace tracectl::decode {
namespace {

bool is_prefix(uint8_t byte) {
  switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xf2:
    case 0xf3:
      return true;
    default:
      return (byte & 0xf0) == 0x40;  // REX
  }
}

bool is_x86_call(std::span<const uint8_t> bytes) {
  while (!bytes.empty() && is_prefix(bytes[0])) bytes = bytes.subspan(1);
  if (bytes.empty()) return false;
  if (bytes[0] == 0xe8) return true;
  return bytes[0] == 0xff && bytes.size() > 1 && (bytes[1] >> 3 & 7) == 2;
}

bool is_arm_call(std::span<const uint8_t> bytes) {
  uint32_t word = 0;
  if (bytes.size() < sizeof word) return false;
  std::memcpy(&word, bytes.data(), sizeof word);
  const bool bl = (word & 0xfc000000) == 0x94000000;
  const bool blr = (word & 0xfffffc1f) == 0xd63f0000;
  const bool authenticated = (word & 0xfefff800) == 0xd63f0800;
  return bl || blr || authenticated;
}

}  // namespace

bool is_call(uint16_t elf_machine, std::span<const uint8_t> bytes) {
  if (elf_machine == kElfX86_64) return is_x86_call(bytes);
  return elf_machine == kElfAArch64 && is_arm_call(bytes);
}

Result<CallTest> CallTest::open(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot open " + path);
  auto segments = capture::read_core_segments(fd, path);
  if (!segments) return tl::unexpected<Error>(segments.error());
  if (segments->empty()) return fail(path + " has nothing to load: it is no program or library");
  auto file = capture::MappedFile::open(path);
  if (!file) return tl::unexpected<Error>(file.error());
  CallTest out;
  Elf64_Ehdr head;
  if (file->bytes().size() < sizeof head) return fail(path + " is shorter than an ELF header");
  std::memcpy(&head, file->bytes().data(), sizeof head);
  out.machine_ = head.e_machine;
  out.file_ = std::move(*file);
  out.segments_ = std::move(*segments);
  return out;
}

bool CallTest::at(uint64_t address) const {
  const uint64_t there = address + segments_.front().address;
  for (const capture::CoreSegment& s : segments_) {
    if (there < s.address || there - s.address >= s.size) continue;
    const uint64_t offset = s.offset + (there - s.address);
    if (offset >= file_.bytes().size()) return false;
    const auto bytes = file_.bytes().subspan(offset);
    return is_call(machine_, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  }
  return false;
}

}  // namespace tracectl::decode
