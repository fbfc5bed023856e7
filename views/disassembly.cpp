// SPDX-License-Identifier: MIT
#include "views/disassembly.hpp"

#include <capstone/capstone.h>

namespace tracectl::views {

struct Disassembler::Impl {
  csh handle = 0;
  bool good = false;
  Impl() { good = cs_open(CS_ARCH_X86, CS_MODE_64, &handle) == CS_ERR_OK; }
  ~Impl() {
    if (good) cs_close(&handle);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
};

Disassembler::Disassembler() : impl_(std::make_unique<Impl>()) {}
Disassembler::~Disassembler() = default;

std::string Disassembler::text(std::span<const uint8_t> bytes, uint64_t ip) const {
  cs_insn* insn = nullptr;
  if (!impl_->good || cs_disasm(impl_->handle, bytes.data(), bytes.size(), ip, 1, &insn) != 1) return "(bad)";
  std::string out = insn->mnemonic;
  if (insn->op_str[0] != 0) out = out + " " + insn->op_str;
  cs_free(insn, 1);
  return out;
}

}  // namespace tracectl::views
