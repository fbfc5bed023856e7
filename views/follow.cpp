// SPDX-License-Identifier: MIT
#include "views/follow.hpp"

#include <algorithm>

namespace tracectl::views {

void set_turn(StreamContext& context, const decode::Turn& turn, const std::string& comm) {
  context.pid = turn.pid;
  context.tid = turn.tid;
  context.comm = comm;
  if (context.locator != nullptr) context.locator->use(*turn.images);
}

void Follow::turn_to(const decode::Stamp& s) {
  const decode::Turn& turn = decode::turn_at(turns_, s.time);
  const auto index = static_cast<size_t>(&turn - turns_.data());
  since_ = index == 0 ? 0 : turn.time;
  until_ = index + 1 < turns_.size() ? turns_[index + 1].time : ~uint64_t{0};
  if (index == at_ && told_) return;
  const decode::Turn& before = turns_[at_];
  if (told_ && (turn.tid != before.tid || turn.images != before.images)) {
    decode::Event event;
    event.kind = decode::Event::Kind::switched;
    event.name = "switched";
    if (only_ < 0 || before.tid == only_) (void)next_.on_event(s, event);
  }
  at_ = index;
  told_ = true;
  set_turn(context_, turn, comm_(turn.pid, s.time));
}

}  // namespace tracectl::views
