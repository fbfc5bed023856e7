// SPDX-License-Identifier: MIT
// AddressFilter: the code that the trace unit itself lets through, as a plan writes it.
//
// Grammar: OBJECT:SYMBOL | OBJECT:* | OBJECT:0xFROM-0xTO (offsets in the file) | 0xFROM-0xTO (kernel addresses);
//          OBJECT "kernel" names the kernel's own symbols. TO is not part of it.
// Errors: where in the text, and what would be right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "triggers/text_error.hpp"

namespace tracectl {

struct AddressFilter {
  std::string object;  // empty: kernel addresses
  std::string symbol;  // "*": all of the object; empty: the range
  uint64_t from = 0, to = 0;
  [[nodiscard]] bool of_kernel() const { return object.empty() || object == "kernel"; }
};

[[nodiscard]] tl::expected<AddressFilter, TextError> parse_address_filter(std::string_view text);

}  // namespace tracectl
