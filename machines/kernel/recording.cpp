// SPDX-License-Identifier: MIT
#include "machines/kernel/recording.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <array>
#include <csignal>
#include <cstring>

#include "core/capture/kernel_image.hpp"
#include "core/perf/record_build.hpp"
#include "machines/child_signals.hpp"
#include "machines/kernel/by_hand.hpp"
#include "machines/kernel/clock.hpp"
#include "machines/kernel/cpus.hpp"

namespace tracectl::kernel {
namespace {

// A group takes two descriptors and one more for each trigger.
void allow_many_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Recording::Recording(const GroupPlan& shared, const ModuleFinder& modules, capture::Writer& writer,
                     const RunOptions& options)
    : shared_(shared),
      modules_(modules),
      writer_(writer),
      options_(options),
      session_(writer, shared.plan.limits),
      control_(shared.plan, writer, session_),
      collector_(shared.plan, writer, session_),
      tracees_(shared.plan.follow),
      kernel_(shared.host, writer, session_) {}

bool Recording::beside() const { return shared_.plan.target.kind != TargetKind::command; }

Result<> Recording::start_command(bool hold) {
  if (shared_.plan.command.empty()) return {};
  auto child = tracees_.start({shared_.plan.command, shared_.plan.user}, hold);
  if (!child) return tl::unexpected<Error>(child.error());
  command_ = *child;
  return {};
}

void Recording::command_ended(int status) {
  out_.wait_status = status;
  ended_ = true;
}

// The kernel's code as it is now, with the probes in it that were just opened.
Result<> Recording::keep_kernel() {
  if (auto r = kernel_.open(online_cpus(shared_.host)); !r && options_.say)
    options_.say(fmt::format("what changes in the kernel's code meanwhile is not recorded: {}", r.error().message()));
  const auto image = capture::copy_kernel_image(writer_.directory());
  if (!image) return tl::unexpected<Error>(image.error());
  perf::SampleId sid;
  sid.id = groups().sideband_id();
  alignas(8) std::array<char, 4096> record{};
  for (const auto& m : image->mappings) {
    const size_t size =
        perf::build_kernel_mmap(record.data(), record.size(), sid, m.address, m.size, m.file_offset, m.name.c_str());
    if (auto done = writer_.records(std::as_bytes(std::span(record)).first(size)); !done) return done;
  }
  return {};
}

// The event is off when the ioctl returns, on every cpu.
Result<> Recording::prepare_collecting() {
  return collector_.prepare({[this](bool on) { return groups().hold(!on); }, [] { return true; },
                             [page = shared_.host.page_size] { return record_clock(page); }});
}

void Recording::after_drain() {
  groups().after_drain();
  collector_.tick();
  control_.tick();
  if (!groups().failed()) session_.stop();
  const auto& limit = shared_.plan.limits.windows;
  if (limit && groups().windows() >= *limit && !groups().any_open()) session_.stop("limit: windows");
  if (options_.progress) options_.progress(writer_.aux_bytes(), groups().size());
}

void Recording::watch_signals() {
  if (command_ > 0)
    pass_signals(session_, command_);
  else
    for (const int number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP}) session_.on_signal(number, [this] { session_.stop(); });
  session_.on_signal(SIGCHLD, [this] {
    tracees_.collect();
    collected();
    if (idle()) session_.stop();
  });
  session_.on_signal(SIGUSR2, [this] {
    if (shared_.plan.buffer.mode == BufferMode::ring)
      groups().keep_all();
    else if (options_.say)
      options_.say("SIGUSR2: mode = full keeps everything; nothing to do");
  });
  session_.after_drain([this] { after_drain(); });
}

// A command that is traced runs on to its end; one that only says for how long has said it.
void Recording::wait_for_command(bool recorded) {
  if (command_ <= 0 || ended_) return;
  pass_signals_untraced(command_);
  if (beside())
    kill(command_, SIGTERM);
  else if (recorded && options_.over)
    options_.over(out_);
  wait_untraced(command_, &out_.wait_status);
}

Result<RunOutcome> Recording::finish(Result<> result) {
  control_.close();
  out_.stop_reason = session_.stop_reason();
  if (!result && options_.failed) options_.failed(result.error());
  groups().end_all();
  collector_.end();
  kernel_.end();
  tracees_.release();
  groups().report(out_);
  wait_for_command(result.has_value());
  if (command_ > 0)
    if (const int error = tracees_.exec_error(); error != 0)
      out_.not_started = fmt::format("cannot run '{}': {}", shared_.plan.command[0], strerror(error));
  if (!out_.not_started.empty() && options_.say) options_.say(out_.not_started);
  if (!result) return tl::unexpected<Error>(result.error());
  return out_;
}

Result<RunOutcome> Recording::run() {
  allow_many_descriptors();
  if (auto r = prepare_collecting(); !r) return tl::unexpected<Error>(r.error());
  if (auto r = open(); !r) return tl::unexpected<Error>(r.error());
  watch_signals();
  if (shared_.plan.scope != Scope::user)
    if (auto r = keep_kernel(); !r) return tl::unexpected<Error>(r.error());
  if (auto r = control_.listen(by_hand(groups(), writer_, out_)); !r && options_.say) options_.say(r.error().message());
  tracees_.go();
  tracees_.collect();
  collected();
  if (idle()) session_.stop();
  collector_.begin();
  auto result = session_.run();
  if (result) result = collector_.failed();
  return finish(!result ? result : groups().failed());
}

}  // namespace tracectl::kernel
