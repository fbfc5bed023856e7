// SPDX-License-Identifier: MIT
#include "views/disassembly.hpp"

#include <capstone/capstone.h>

#include <array>

namespace tracectl::views {
namespace {

struct Row {
  cs_arch arch;
  int mode;
};
// By decode::Isa.
constexpr std::array<Row, 4> kRows = {{{CS_ARCH_X86, CS_MODE_64},
                                       {CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN},
                                       {CS_ARCH_ARM, CS_MODE_ARM | CS_MODE_V8},
                                       {CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_V8}}};

}  // namespace

// Capstone's handles, each made when it is needed first.
struct Disassembler::Impl {
  struct Handle {
    csh value = 0;
    bool asked = false, good = false;
  };
  std::array<Handle, kRows.size()> handles;

  Impl() = default;
  ~Impl() {
    for (Handle& handle : handles)
      if (handle.good) cs_close(&handle.value);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  const Handle& handle_of(decode::Isa isa) {
    const auto i = static_cast<size_t>(isa);
    Handle& out = handles[i];
    if (!out.asked) out.good = cs_open(kRows[i].arch, static_cast<cs_mode>(kRows[i].mode), &out.value) == CS_ERR_OK;
    out.asked = true;
    return out;
  }
};

Disassembler::Disassembler() : impl_(std::make_unique<Impl>()) {}
Disassembler::~Disassembler() = default;

std::string Disassembler::text(std::span<const uint8_t> bytes, uint64_t ip, decode::Isa isa) const {
  cs_insn* insn = nullptr;
  const auto& handle = impl_->handle_of(isa);
  if (!handle.good || cs_disasm(handle.value, bytes.data(), bytes.size(), ip, 1, &insn) != 1) return "(bad)";
  std::string out = insn->mnemonic;
  if (insn->op_str[0] != 0) out = out + " " + insn->op_str;
  cs_free(insn, 1);
  return out;
}

}  // namespace tracectl::views
