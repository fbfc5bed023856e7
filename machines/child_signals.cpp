// SPDX-License-Identifier: MIT
#include "machines/child_signals.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace tracectl {
namespace {

volatile pid_t untraced_child = 0;
void pass_on(int number) {
  const int saved = errno;
  const bool from_terminal = number == SIGINT || number == SIGQUIT;
  if (!from_terminal || tcgetpgrp(STDIN_FILENO) != getpgrp()) kill(untraced_child, number);
  errno = saved;
}

}  // namespace

void pass_signals(Session& session, const pid_t& child) {
  for (const int number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP}) {
    const bool from_terminal = number == SIGINT || number == SIGQUIT;
    session.on_signal(number, [&child, number, from_terminal] {
      if (child <= 0) return;
      if (!from_terminal || tcgetpgrp(STDIN_FILENO) != getpgrp()) kill(child, number);
    });
  }
}

void pass_signals_untraced(pid_t child) {
  untraced_child = child;
  struct sigaction action {};
  action.sa_handler = pass_on;
  for (const int number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP}) sigaction(number, &action, nullptr);
}

void wait_untraced(pid_t child, int* status) {
  pass_signals_untraced(child);
  while (waitpid(child, status, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace tracectl
