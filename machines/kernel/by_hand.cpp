// SPDX-License-Identifier: MIT
#include "machines/kernel/by_hand.hpp"

namespace tracectl::kernel {

ControlHandlers by_hand(Groups& groups, const capture::Writer& writer, const RunOutcome& so_far) {
  ControlHandlers out;
  out.status = [&groups, &so_far](SessionStatus& s) {
    groups.tell(s);
    s.loss[LossKind::untraced_program] += so_far.untraced_threads;
  };
  out.act = [&groups](Action action) -> Result<ControlLater> {
    const auto told = groups.act_all(action);
    if (!told) return tl::unexpected<Error>(told.error());
    return [n = *told]() -> std::optional<ControlDone> { return ControlDone{n, 0, 0}; };
  };
  out.snapshot = [&groups, &writer]() -> Result<ControlLater> {
    const uint64_t before = writer.aux_bytes();
    groups.keep_all();
    const ControlDone done{groups.size(), 0, writer.aux_bytes() - before};
    return [done]() -> std::optional<ControlDone> { return done; };
  };
  return out;
}

}  // namespace tracectl::kernel
