// SPDX-License-Identifier: MIT
#include "profile/a64_code.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/elf_machine.hpp"
#include "decode/build_id.hpp"

namespace tracectl::profile {

Result<A64Code> A64Code::open(const std::string& path, decode::ReadInsn read) {
  auto segments = decode::LoadSegments::of(path);
  if (!segments) return tl::unexpected<Error>(segments.error());
  A64Code out(path, std::move(*segments));
  constexpr size_t kMachineAt = 18;  // of the ELF header: e_machine
  const auto bytes = out.files_->of(path);
  const unsigned machine = bytes.size() < kMachineAt + 2 ? 0 : bytes[kMachineAt] | bytes[kMachineAt + 1] << 8;
  if (machine != kElfAArch64)
    return fail_unsupported(
        fmt::format("{} is no AArch64 program (ELF machine {}): branch lists hold CoreSight trace", path, machine),
        "`--to autofdo` is for both processors");
  out.build_id_ = decode::build_id_of(path);
  out.graph_ = std::make_unique<decode::FlowGraph>(*out.files_, read, decode::FlowRules{decode::Isa::a64, true});
  for (const capture::CoreSegment& s : out.segments_.all())
    if (s.executable) out.graph_->add({0, s.address, s.size, s.offset, path, path, ""});
  return out;
}

bool A64Code::holds(uint64_t address) const {
  return std::any_of(segments_.all().begin(), segments_.all().end(), [address](const capture::CoreSegment& s) {
    return s.executable && address >= s.address && address - s.address < s.size;
  });
}

const decode::FlowNode* A64Code::run(uint64_t address) {
  constexpr uint64_t kInsn = 4;
  if (address % kInsn != 0 || !holds(address)) return nullptr;
  const decode::FlowNode* node = graph_->at(address);
  return node->empty() || node->broken ? nullptr : node;
}

}  // namespace tracectl::profile
