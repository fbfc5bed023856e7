// SPDX-License-Identifier: MIT
// The walk of an export over its capture: each selected stream into a sink of its own.
#pragma once

#include "cli/capture_options.hpp"
#include "core/result.hpp"
#include "views/filters.hpp"

namespace tracectl::cli {

// Decodes every selected stream into a Sink made with `whole`; `behind` is called with each that is done. True when
// something was lost.
template <class Sink, class Whole, class Behind>
Result<bool> each_stream(OpenCapture& capture, const CaptureOptions& options, Whole& whole, Behind behind) {
  bool lossy = false;
  const auto done = for_each_stream(capture, options, [&](StreamVisit& visit) -> Result<bool> {
    Sink sink(whole, visit.context);
    views::OnlyWindow window(visit.context, options.window, sink);
    decode::ItemSink& first = options.window != 0 ? static_cast<decode::ItemSink&>(window) : sink;
    if (auto result = visit.decode(first); !result) return tl::unexpected(result.error());
    sink.finish();
    behind(sink);
    lossy = lossy || sink.losses() != 0;
    return true;
  });
  if (!done) return tl::unexpected(done.error());
  return lossy;
}

}  // namespace tracectl::cli
