// SPDX-License-Identifier: MIT
#include "triggers/address_filter.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

namespace tracectl {
namespace {

tl::unexpected<TextError> bad(size_t at, size_t length, std::string message) {
  return tl::unexpected<TextError>(
      {static_cast<unsigned>(at), static_cast<unsigned>(length == 0 ? 1 : length), std::move(message),
       "app:main, libc.so.6:*, app:0x1000-0x2000, 0xFROM-0xTO, start app:main or stop app:0x1000"});
}

std::optional<uint64_t> number(std::string_view text) {
  if (!text.starts_with("0x")) return std::nullopt;
  uint64_t out = 0;
  const auto end = text.data() + text.size();
  const auto done = std::from_chars(text.data() + 2, end, out, 16);
  return done.ec == std::errc{} && done.ptr == end && text.size() > 2 ? std::optional(out) : std::nullopt;
}

tl::expected<AddressFilter, TextError> parse_code(std::string_view text, AddressFilter::Kind kind) {
  const bool place = kind != AddressFilter::Kind::range;
  AddressFilter out;
  out.kind = kind;
  const size_t colon = text.rfind(':');
  std::string_view what = text;
  if (colon != std::string_view::npos) {
    out.object = text.substr(0, colon);
    what = text.substr(colon + 1);
    if (out.object.empty()) return bad(0, 1, "the object in front of ':' is missing");
  }
  const size_t at = text.size() - what.size();
  if (out.object.find_first_of(" ,\n") != std::string::npos)
    return bad(0, colon, fmt::format("the kernel takes no path with a blank or comma in it: \"{}\"", out.object));
  if (what.empty()) return bad(at, 1, "the symbol behind ':' is missing");
  if (!what.starts_with("0x")) {
    if (colon == std::string_view::npos) return bad(at, what.size(), fmt::format("\"{}\" names no object", text));
    if (place && what == "*") return bad(at, 1, "all of an object is no place to start or stop at");
    out.symbol = what;
    return out;
  }
  if (place) {
    const auto one = number(what);
    if (!one) return bad(at, what.size(), fmt::format("\"{}\" is no address", what));
    out.from = *one;
    return out;
  }
  const size_t dash = what.find('-');
  const auto from = number(what.substr(0, dash));
  const auto to = dash == std::string_view::npos ? std::nullopt : number(what.substr(dash + 1));
  if (!from || !to) return bad(at, what.size(), fmt::format("\"{}\" is no range of addresses", what));
  if (*to <= *from) return bad(at, what.size(), fmt::format("the range {} holds nothing", what));
  out.from = *from;
  out.to = *to;
  return out;
}

}  // namespace

tl::expected<AddressFilter, TextError> parse_address_filter(std::string_view text) {
  using Kind = AddressFilter::Kind;
  for (const auto& [word, kind] : {std::pair{std::string_view("start "), Kind::start}, {"stop ", Kind::stop}}) {
    if (!text.starts_with(word)) continue;
    auto out = parse_code(text.substr(word.size()), kind);
    if (!out) out.error().offset += static_cast<unsigned>(word.size());
    return out;
  }
  return parse_code(text, Kind::range);
}

}  // namespace tracectl
