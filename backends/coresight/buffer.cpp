// SPDX-License-Identifier: MIT
#include "backends/coresight/buffer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/units.hpp"

namespace tracectl::coresight {
namespace {

constexpr uint64_t kFewestTrbePages = 2;
constexpr uint64_t kDefaultEtr = 1u << 20;  // buffer_size unless somebody wrote it

}  // namespace

AuxPages aux_pages(const BufferPlan& buffer, const SinkChoice& sink, uint64_t page_size) {
  AuxPages out;
  const SinkRow& row = row_of(sink.kind);
  const uint64_t own = sink.sinks.empty() ? 0 : sink.sinks.front().size;
  if (row.in_place) {
    out.possible = buffer.aux_size >= kFewestTrbePages * page_size;
    out.why = out.possible
                  ? fmt::format("pages of {}, which the TRBE writes itself: nothing is copied", print_size(page_size))
                  : fmt::format("a TRBE wants {} pages at least", kFewestTrbePages);
    return out;
  }
  const bool etr = std::string_view(row.prefix) == "tmc_etr";
  out.sink_size = etr ? std::max(buffer.aux_size, own != 0 ? own : kDefaultEtr) : own;
  out.why = fmt::format(
      "pages of {}, into which the driver copies from the {}'s own memory{} whenever the event stops or is "
      "paused",
      print_size(page_size), row.name, out.sink_size == 0 ? "" : fmt::format(" of {}", print_size(out.sink_size)));
  if (out.sink_size > buffer.aux_size) out.why += "; what does not fit is cut, its oldest part";
  if (out.sink_size != 0 && out.sink_size < buffer.aux_size)
    out.why += "; more than that between two stops is lost, however large the buffer";
  return out;
}

}  // namespace tracectl::coresight
