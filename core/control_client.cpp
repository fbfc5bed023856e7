// SPDX-License-Identifier: MIT
#include "core/control_client.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "core/capture/directory.hpp"
#include "core/clock.hpp"
#include "core/control_address.hpp"
#include "core/fd.hpp"

namespace tracectl {
namespace {

constexpr size_t kLongestAnswer = 64 << 20;

tl::unexpected<Error> not_ours(const std::string& capture, int error) {
  struct stat st {};
  const std::string whose = stat(capture.c_str(), &st) == 0 ? fmt::format(": it is user {}'s", st.st_uid) : "";
  return fail(fmt::format("cannot reach the session on {}{}: {}", capture, whose, std::strerror(error)),
              "ask as the user who runs it, or as root");
}

tl::unexpected<Error> no_session(const std::string& capture, bool left) {
  const std::string none = "no session runs on " + capture;
  if (left)
    return fail(none + "; its control socket was left by a tracectl that was killed",
                "tracectl info " + capture + " reads what was written; tracectl repair makes perf read it");
  return fail(none, "a session has its control socket while it records: from tracectl run -o " + capture +
                        " on, until its program ends or the session is stopped");
}

tl::unexpected<Error> no_answer(const std::string& capture, std::chrono::milliseconds patience) {
  return fail(fmt::format("the session on {} did not answer within {} ms", capture, patience.count()),
              "is its tracectl stopped (kill -CONT lets it go on), or its disk slow?");
}

class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds patience)
      : end_(monotonic_ns() + static_cast<uint64_t>(patience.count()) * 1'000'000) {}
  [[nodiscard]] int left_ms() const {
    const uint64_t now = monotonic_ns();
    return now >= end_ ? 0 : static_cast<int>((end_ - now) / 1'000'000) + 1;
  }

 private:
  uint64_t end_;
};

// 0, or the errno of the attempt; EAGAIN: the session's queue was full all the time.
int connect_to(int fd, const ControlAddress& address, const Deadline& deadline) {
  while (connect(fd, address.get(), address.size()) != 0) {
    if (errno != EAGAIN && errno != EINTR) return errno;
    if (deadline.left_ms() == 0) return EAGAIN;
    const timespec pause{0, 10 * 1000 * 1000};
    nanosleep(&pause, nullptr);
  }
  return 0;
}

// Reads up to the newline; empty when the time is over, the session ended, or said too much.
std::string read_line(int fd, const Deadline& deadline) {
  std::string out;
  for (pollfd ready{fd, POLLIN, 0}; out.size() < kLongestAnswer;) {
    const int n_ready = poll(&ready, 1, deadline.left_ms());
    if (n_ready < 0 && errno == EINTR) continue;
    if (n_ready <= 0) return {};
    char bytes[65536];
    const ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return {};
    out.append(bytes, static_cast<size_t>(n));
    if (out.back() == '\n') return out.substr(0, out.size() - 1);
  }
  return {};
}

}  // namespace

Result<std::string> ask_session(const std::string& capture, ControlCommand command, std::chrono::milliseconds patience) {
  const Deadline deadline(patience);
  const Fd directory(open(capture.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory && errno == EACCES) return not_ours(capture, errno);
  if (!directory) return fail_errno("cannot open the capture " + capture, "tracectl ctl WHAT CAPTURE, as run -o named it");
  const Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("making a socket");
  const int error = connect_to(fd.get(), ControlAddress(directory.get()), deadline);
  if (error == EACCES || error == EPERM) return not_ours(capture, error);
  if (error == ECONNREFUSED) return no_session(capture, true);
  if (error == ENOENT && !capture::is_capture(capture))
    return fail(fmt::format("{} is no capture", capture), "tracectl ctl WHAT CAPTURE, as run -o named it");
  if (error == ENOENT) return no_session(capture, false);
  if (error == EAGAIN) return no_answer(capture, patience);
  if (error != 0) return fail(fmt::format("connecting to {}/{}: {}", capture, kControlName, std::strerror(error)));
  const std::string request = std::string(name_of(command)) + "\n";
  (void)send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);  // it fits; one that is gone gives no answer either
  std::string answer = read_line(fd.get(), deadline);
  if (!answer.empty()) return answer;
  if (deadline.left_ms() == 0) return no_answer(capture, patience);
  return fail(fmt::format("the session on {} ended before it answered", capture), "tracectl info " + capture);
}

}  // namespace tracectl
