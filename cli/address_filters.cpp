// SPDX-License-Identifier: MIT
#include "cli/address_filters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/capture/kallsyms.hpp"
#include "core/loaded_files.hpp"
#include "decode/symbols.hpp"
#include "machines/kernel/places.hpp"
#include "triggers/address_filter.hpp"

namespace tracectl::cli {
namespace {

// Files with code of the program: what the process has mapped, or what the command's loader will map.
std::vector<std::string> code_files(const LoadedPlan& loaded) {
  std::vector<std::string> out;
  for (const int32_t id : loaded.plan.target.ids)
    for (const auto& m : kernel::code_mappings_of(id)) out.push_back(m.path);
  return out.empty() ? program_files(loaded.program) : out;
}

bool is_named(const std::string& object, const std::string& path) {
  if (decode::object_matches(object, path, "")) return true;
  const auto symbols = decode::Symbols::open(path);
  return symbols && decode::object_matches(object, path, symbols->soname());
}

// As the kernel writes it. Where a trace starts or stops is one address to CoreSight, a range to Intel PT (stop only).
std::string written(const AddressFilter& filter, BackendKind backend, uint64_t from, uint64_t size) {
  const bool place = filter.kind != AddressFilter::Kind::range;
  const char* word = !place ? "filter" : filter.kind == AddressFilter::Kind::start ? "start" : "stop";
  if (place && backend == BackendKind::coresight) return fmt::format("{} {:#x}", word, from);
  return fmt::format("{} {:#x}/{:#x}", word, from, size);
}

constexpr uint64_t kPlaceSize = 1;  // of a place by its address, where the kernel wants a range

Result<std::string> of_file(const AddressFilter& filter, const std::string& path, BackendKind backend) {
  uint64_t from = filter.from, size = filter.to > filter.from ? filter.to - filter.from : kPlaceSize;
  if (filter.symbol == "*") {
    std::error_code error;
    from = 0;
    size = std::filesystem::file_size(path, error);
  } else if (!filter.symbol.empty()) {
    const auto symbols = decode::Symbols::open(path);
    if (!symbols) return tl::unexpected<Error>(symbols.error());
    const auto& all = symbols->all();
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& s) {
      return s.size != 0 && (s.name == filter.symbol || s.linkage == filter.symbol);
    });
    if (found == all.end())
      return fail(fmt::format("{} has no function '{}' of known size", path, filter.symbol),
                  fmt::format("tracectl list symbols --program {} shows those that it has", path));
    from = found->file_offset;
    size = found->size;
  }
  return written(filter, backend, from, size) + "@" + path;
}

// A kernel function reaches to the next symbol.
Result<std::string> of_kernel(const AddressFilter& filter, BackendKind backend) {
  if (filter.symbol.empty())
    return written(filter, backend, filter.from, filter.to > filter.from ? filter.to - filter.from : kPlaceSize);
  std::ifstream in("/proc/kallsyms");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  uint64_t from = 0, next = ~uint64_t{0};
  capture::for_each_kernel_symbol(text, [&](const capture::KernelSymbol& s) {
    if (s.code() && s.name == filter.symbol && from == 0) from = s.address;
  });
  if (from == 0)
    return fail(fmt::format("the kernel shows no function '{}'", filter.symbol),
                "/proc/kallsyms names them; kernel.kptr_restrict = 0 or root to see addresses");
  capture::for_each_kernel_symbol(text, [&](const capture::KernelSymbol& s) {
    if (s.code() && s.address > from) next = std::min(next, s.address);
  });
  return written(filter, backend, from, next - from);
}

Result<std::string> kernel_filter(const std::string& text, const std::vector<std::string>& files, BackendKind backend) {
  const auto filter = parse_address_filter(text);
  if (!filter) return fail_usage(filter.error().message, filter.error().hint);
  if (filter->of_kernel()) return of_kernel(*filter, backend);
  for (const auto& path : files)
    if (is_named(filter->object, path)) return of_file(*filter, path, backend);
  return fail(fmt::format("address filter '{}': the program does not map {} at its start", text, filter->object),
              "a library that it loads later (dlopen) cannot be filtered; a window on its function can");
}

}  // namespace

Result<std::string> kernel_filters(const LoadedPlan& loaded) {
  std::string out;
  if (loaded.plan.address_filters.empty()) return out;
  const auto files = code_files(loaded);
  for (const auto& text : loaded.plan.address_filters) {
    auto one = kernel_filter(text, files, loaded.plan.backend);
    if (!one) return one;
    out += (out.empty() ? "" : " ") + *one;
  }
  return out;
}

}  // namespace tracectl::cli
