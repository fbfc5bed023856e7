// SPDX-License-Identifier: MIT
#include "views/follow.hpp"

namespace tracectl::views {

void set_turn(StreamContext& context, const decode::Turn& turn, const std::string& comm) {
  context.pid = turn.pid;
  context.tid = turn.tid;
  context.comm = comm;
  if (context.locator != nullptr) context.locator->use(*turn.images);
}

void Follow::turn_to(const decode::Stamp& s) {
  const decode::Turn& turn = *s.turn;
  const bool same = now_ == nullptr || (turn.tid == now_->tid && turn.images == now_->images);
  if (!same && (only_ < 0 || now_->tid == only_)) {
    decode::Event event;
    event.kind = decode::Event::Kind::switched;
    event.name = "switched";
    (void)next_.on_event(s, event);
  }
  now_ = &turn;
  set_turn(context_, turn, comm_(turn.pid, s.time));
}

}  // namespace tracectl::views
