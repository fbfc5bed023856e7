// SPDX-License-Identifier: MIT
// AddressFilter: the code that the trace unit itself lets through, as a plan writes it.
//
// Grammar: RANGE: OBJECT:SYMBOL | OBJECT:* | OBJECT:0xFROM-0xTO (offsets in the file) | 0xFROM-0xTO (kernel addresses);
//          OBJECT "kernel" names the kernel's own symbols. TO is not part of it.
//          start PLACE, stop PLACE, PLACE: OBJECT:SYMBOL (its first instruction) | OBJECT:0xAT | 0xAT.
// Errors: where in the text, and what would be right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "triggers/text_error.hpp"

namespace tracectl {

struct AddressFilter {
  enum class Kind : uint8_t { range, start, stop };
  Kind kind = Kind::range;
  std::string object;         // empty: kernel addresses
  std::string symbol;         // "*": all of the object; empty: the range
  uint64_t from = 0, to = 0;  // a place: from alone
  [[nodiscard]] bool of_kernel() const { return object.empty() || object == "kernel"; }
};

[[nodiscard]] tl::expected<AddressFilter, TextError> parse_address_filter(std::string_view text);

}  // namespace tracectl
