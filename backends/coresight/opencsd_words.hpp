// SPDX-License-Identifier: MIT
// What OpenCSD says of an error or a packet, as we say it. Pure.
#pragma once

#include <string>
#include <string_view>

#include "decode/decoder.hpp"

namespace tracectl::coresight {

// "0x0017 (OCSD_ERR_X) [Words.]; TrcIdx=7; CS ID=10; more" gives "OCSD_ERR_X: Words. more".
[[nodiscard]] inline std::string error_words(std::string_view all) {
  while (all.ends_with(' ') || all.ends_with('\n')) all.remove_suffix(1);
  const size_t name = all.find('('), open = all.find('['), shut = all.find(']');
  if (name == std::string_view::npos || open == std::string_view::npos || shut == std::string_view::npos || open > shut)
    return std::string(all);
  std::string out(all.substr(name + 1, all.find(')') - name - 1));
  out += ": " + std::string(all.substr(open + 1, shut - open - 1));
  const size_t rest = all.rfind("; ");
  if (rest != std::string_view::npos && rest > shut && all.find('=', rest) == std::string_view::npos)
    out += " " + std::string(all.substr(rest + 2));
  return out;
}

// In error_words(): a return was compressed whose call the decoder has not seen.
inline constexpr std::string_view kReturnStackWords = "OCSD_ERR_RET_STACK_OVERFLOW";

// "I_ATOM_F1 : Atom format 1.; E" by name and payload.
[[nodiscard]] inline decode::PacketText packet_text(uint64_t offset, std::string_view text) {
  while (text.ends_with(' ') || text.ends_with('\n')) text.remove_suffix(1);
  const size_t colon = text.find(':');
  std::string_view name = text.substr(0, colon), payload = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  while (name.ends_with(' ')) name.remove_suffix(1);
  while (payload.starts_with(' ')) payload.remove_prefix(1);
  return {offset, std::string(name), std::string(payload)};
}

}  // namespace tracectl::coresight
