// SPDX-License-Identifier: MIT
// The decoders of a capture, by what it says of its trace.
#include "backends/intel_pt/decoder.hpp"
#include "backends/intel_pt/flow_decoder.hpp"
#include "core/capture/format.hpp"

namespace tracectl::intel_pt {
namespace {

// The leader's attr.config; its type is the first word of AUXTRACE_INFO's priv.
uint64_t leader_config(const capture::Reader& reader) {
  const auto& priv = reader.aux_info().priv;
  uint64_t out = 0;
  for (const auto& event : reader.events())
    if (!priv.empty() && event.type == priv[0]) out = event.config;
  return out;
}

std::string cpuid(const capture::Reader& reader) { return reader.feature_string(capture::kCpuId); }

}  // namespace

std::unique_ptr<decode::Decoder> make_decoder(const capture::Reader& reader) {
  return make_decoder(reader.aux_info(), cpuid(reader), leader_config(reader));
}

Result<std::unique_ptr<decode::Decoder>> make_flow_decoder(const capture::Reader& reader, const FlowThreads& threads) {
  return make_flow_decoder(reader.aux_info(), cpuid(reader), leader_config(reader), threads);
}

}  // namespace tracectl::intel_pt
