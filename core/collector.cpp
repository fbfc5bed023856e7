// SPDX-License-Identifier: MIT
#include "core/collector.hpp"

#include <utility>

#include "core/clock.hpp"

namespace tracectl {

Result<> Collector::prepare(CollectHandlers handlers) {
  if (!plan_.collect) return {};
  handlers_ = std::move(handlers);
  if (auto r = log_.open(writer_.directory()); !r) return r;
  periods_.emplace(*plan_.collect);
  // Where the trace comes first it begins with the program's first instruction, whenever that is.
  open_ = !plan_.collect->pause_first;
  period_ = {handlers_.clock(), 0, 0, 0};
  return open_ ? Result<>{} : handlers_.turn(false);
}

void Collector::begin() {
  if (!periods_ || std::exchange(began_, true)) return;
  const uint64_t now = monotonic_ns();
  periods_->begin(now);
  if (open_) (void)periods_->due(now);  // it runs already
  session_.wake_at(periods_->next(), [this] { step(); });
}

void Collector::step() {
  if (const auto on = periods_->due(monotonic_ns()); on && failed_) {
    turn(*on);
    if (*on) periods_->begun(monotonic_ns());  // many threads take their time
  }
  if (failed_) session_.wake_at(periods_->next(), [this] { step(); });
}

void Collector::turn(bool on) {
  if (on) {
    close();  // who has not paused by now slept through the pause
    if (!session_.stop_reason().empty()) return;
    period_ = {handlers_.clock(), 0, 0, 0};
    open_ = true;
    return check(handlers_.turn(true));
  }
  check(handlers_.turn(false));
  period_.end = handlers_.clock();
  session_.drain();  // looks whether all are quiet
}

void Collector::tick() {
  if (!open_ || periods_->on() || period_.end == 0 || period_.quiet != 0 || !handlers_.quiet()) return;
  period_.quiet = handlers_.clock();
  session_.drain();  // the last of what was traced; this comes again within
  close();
}

void Collector::close() {
  if (!std::exchange(open_, false)) return;
  period_.bytes = writer_.aux_bytes();
  check(log_.add(period_));
  if (plan_.collect->max_bytes && period_.bytes >= *plan_.collect->max_bytes) session_.stop("limit: max_bytes");
}

// What cuts a session may cut a period: it ends there.
void Collector::end() {
  if (!open_ || !began_) return;
  if (period_.end == 0) period_.end = handlers_.clock();
  period_.bytes = writer_.aux_bytes();
  check(log_.add(period_));
  open_ = false;
}

void Collector::check(const Result<>& done) {
  if (done || !failed_) return;
  failed_ = done;
  session_.stop();
}

}  // namespace tracectl
