// SPDX-License-Identifier: MIT
// Where there is no libipt (Debian has it for x86 alone): no decoder.
#include "backends/intel_pt/decoder.hpp"
#include "backends/intel_pt/reference.hpp"

namespace tracectl::intel_pt {

std::unique_ptr<decode::Decoder> make_decoder(const capture::AuxInfo&, const std::string&, uint64_t) { return nullptr; }

Quirks quirks_of(const CpuId&) { return {}; }

std::unique_ptr<ReferenceStore> make_reference_store() { return nullptr; }

}  // namespace tracectl::intel_pt
