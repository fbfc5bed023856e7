// SPDX-License-Identifier: MIT
#include "core/session.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <list>
#include <map>
#include <memory>

namespace tracectl {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {
// Rings are also looked at without any wakeup: samples of rare triggers reach the file soon.
constexpr auto kTick = std::chrono::milliseconds(50);
}  // namespace

struct Session::Impl {
  capture::Writer& writer;
  Limits limits;
  asio::io_context io;
  asio::steady_timer tick{io};
  asio::steady_timer deadline{io};
  asio::steady_timer alarm{io};
  std::map<uint32_t, Channel> channels;
  // Shared with its handler: one that is under way outlives being forgotten.
  using Watched = std::shared_ptr<asio::posix::stream_descriptor>;
  std::list<Watched> watched;
  std::list<asio::signal_set> signals;
  std::function<void()> drained;
  Result<> outcome;
  std::string reason;

  Impl(capture::Writer& w, const Limits& l) : writer(w), limits(l) {}
  ~Impl() {
    for (auto& d : watched)
      if (d->is_open()) d->release();
  }

  void fail_with(Error e) {
    if (outcome) outcome = tl::unexpected<Error>(std::move(e));
    io.stop();
  }

  bool drain_bounced(Channel& c) {
    const auto records = c.data.readable();
    const auto trace = c.aux.readable();
    if (records.size() + trace.size() == 0) return false;
    const auto taken = c.bounce(records, trace);
    if (!taken) return fail_with(taken.error()), false;
    c.data.consume(records.size());
    c.aux.consume(*taken);
    if (c.space_given) c.space_given();
    return records.size() + *taken != 0;
  }

  // True when something was moved.
  bool drain_channel(Channel& c) {
    if (c.bounce) return drain_bounced(c);
    const auto records = c.data.readable();
    if (records.size() != 0) {
      if (auto r = writer.records(records.a, records.b); !r) return fail_with(r.error()), false;
      if (c.passing) c.passing(records.a, records.b);
      c.data.consume(records.size());
    }
    const auto trace = c.aux.readable();
    if (trace.size() != 0) {
      if (auto r = writer.aux(c.idx, c.tid, c.cpu, trace.offset, trace.a, trace.b); !r) return fail_with(r.error()), false;
      c.aux.consume(trace.size());
    }
    const bool moved = records.size() + trace.size() != 0;
    if (moved && c.space_given) c.space_given();
    return moved;
  }

  void drain_all() {
    bool moved = false;
    for (auto& [idx, c] : channels) moved = drain_channel(c) || moved;
    if (moved && outcome)
      if (auto r = writer.round(); !r) return fail_with(r.error());
    if (limits.bytes && writer.aux_bytes() >= *limits.bytes) end("limit: bytes");
    if (drained) drained();
  }

  void end(const std::string& why) {
    if (reason.empty()) reason = why;
    io.stop();
  }

  void arm_tick() {
    tick.expires_after(kTick);
    tick.async_wait([this](error_code e) {
      if (e) return;
      watched.remove_if([](const Watched& d) { return !d->is_open(); });
      drain_all();
      arm_tick();
    });
  }

  void arm_watch(const Watched& d, const std::function<bool()>& fn) {
    d->async_wait(asio::posix::stream_descriptor::wait_read, [this, d, fn](error_code e) {
      if (!e && d->is_open() && fn() && d->is_open()) arm_watch(d, fn);
    });
  }

  void arm_signal(asio::signal_set& s, const std::function<void()>& fn) {
    s.async_wait([this, &s, fn](error_code e, int) {
      if (e) return;
      fn();
      arm_signal(s, fn);
    });
  }
};

Session::Session(capture::Writer& writer, const Limits& limits) : impl_(std::make_unique<Impl>(writer, limits)) {}
Session::~Session() = default;

void Session::add(Channel channel) {
  const uint32_t idx = channel.idx;
  impl_->channels.insert_or_assign(idx, std::move(channel));
}

void Session::remove(uint32_t idx) {
  const auto it = impl_->channels.find(idx);
  if (it == impl_->channels.end()) return;
  impl_->drain_channel(it->second);
  impl_->channels.erase(it);
}

void Session::drain() { impl_->drain_all(); }

void Session::watch(int fd, std::function<bool()> fn) {
  impl_->watched.push_back(std::make_shared<asio::posix::stream_descriptor>(impl_->io, fd));
  impl_->arm_watch(impl_->watched.back(), fn);
}

void Session::forget(int fd) {
  // Its handler may be under way: it is never called again.
  for (auto& d : impl_->watched)
    if (d->is_open() && d->native_handle() == fd) d->release();
}

void Session::on_signal(int number, std::function<void()> fn) {
  impl_->signals.emplace_back(impl_->io, number);
  impl_->arm_signal(impl_->signals.back(), fn);
}

void Session::wake_at(uint64_t ns, std::function<void()> fn) {
  // steady_clock counts CLOCK_MONOTONIC: libstdc++, src/c++11/chrono.cc.
  impl_->alarm.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(ns)));
  impl_->alarm.async_wait([fn = std::move(fn)](error_code e) {
    if (!e) fn();
  });
}

void Session::after_drain(std::function<void()> fn) { impl_->drained = std::move(fn); }

Result<> Session::run() {
  impl_->arm_tick();
  if (impl_->limits.duration) {
    impl_->deadline.expires_after(*impl_->limits.duration);
    impl_->deadline.async_wait([this](error_code e) {
      if (!e) impl_->end("limit: duration");
    });
  }
  impl_->io.run();
  return impl_->outcome;
}

void Session::stop(const std::string& reason) { impl_->end(reason); }

const std::string& Session::stop_reason() const { return impl_->reason; }

}  // namespace tracectl
