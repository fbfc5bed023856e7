// SPDX-License-Identifier: MIT
// decode_runs: a stream's trace through a decoder, run by run, as its capture kept it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/result.hpp"
#include "decode/decoder.hpp"

namespace tracectl::decode {

// `trace`: the stream's bytes (StreamBytes). `turns` as Schedule gives them.
Result<> decode_runs(Decoder& decoder, const capture::AuxStream& stream, std::span<const std::byte> trace,
                     const std::vector<Turn>& turns, ItemSink& sink);

}  // namespace tracectl::decode
