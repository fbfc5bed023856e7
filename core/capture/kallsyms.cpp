// SPDX-License-Identifier: MIT
#include "core/capture/kallsyms.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace tracectl::capture {
namespace {

// Cuts the first line off `text`.
std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// Cuts the first word off `line`; "" at its end.
std::string_view take_word(std::string_view& line) {
  constexpr std::string_view kBlank = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

std::optional<uint64_t> number(std::string_view text, int base) {
  if (base == 16 && text.starts_with("0x")) text.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void for_each_kernel_symbol(std::string_view kallsyms, const std::function<void(const KernelSymbol&)>& fn) {
  while (!kallsyms.empty()) {
    std::string_view line = take_line(kallsyms);
    const auto address = number(take_word(line), 16);
    const std::string_view type = take_word(line), name = take_word(line);
    std::string_view module = take_word(line);
    if (!address || *address == 0 || type.size() != 1 || name.empty()) continue;
    if (module.size() > 2 && module.front() == '[' && module.back() == ']')
      module = module.substr(1, module.size() - 2);
    else
      module = {};
    fn({*address, type[0], name, module});
  }
}

std::vector<KernelModule> parse_modules(std::string_view modules) {
  std::vector<KernelModule> out;
  while (!modules.empty()) {
    std::string_view line = take_line(modules);
    const std::string_view name = take_word(line);
    const auto size = number(take_word(line), 10);
    for (int i = 0; i < 3; ++i) take_word(line);  // references, users, state
    const auto address = number(take_word(line), 16);
    if (!size || !address || *address == 0 || *size == 0 || *address + *size < *address) continue;
    out.push_back({name, *address, *size});
  }
  return out;
}

}  // namespace tracectl::capture
