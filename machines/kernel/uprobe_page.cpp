// SPDX-License-Identifier: MIT
#include "machines/kernel/uprobe_page.hpp"

namespace tracectl::kernel {
namespace {

constexpr char kNop = '\x90';
// push rax, rcx, r11; mov rax, 335 (uretprobe); syscall; pop r11, rcx, rax; ret
constexpr unsigned char kTrampoline[] = {0x50, 0x51, 0x41, 0x53, 0x48, 0xc7, 0xc0, 0x4f, 0x01,
                                         0x00, 0x00, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0x58, 0xc3};
constexpr uint32_t kArmNop = 0xd503201f, kArmTrampoline = 0xd42000a0;  // brk 5

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

}  // namespace tracectl::kernel
