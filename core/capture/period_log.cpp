// SPDX-License-Identifier: MIT
#include "core/capture/period_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <fstream>

namespace tracectl::capture {
namespace {

Result<> append(int fd, const std::string& text) {
  const ssize_t n = write(fd, text.data(), text.size());
  if (n == static_cast<ssize_t>(text.size())) return {};
  if (n >= 0) errno = ENOSPC;
  return fail_errno(fmt::format("writing the capture's file {}", kPeriodsName), "make room, and record again");
}

}  // namespace

Result<> PeriodLog::open(const std::string& directory) {
  const std::string path = directory + "/" + kPeriodsName;
  file_ = Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file_) return fail_errno("making " + path);
  return append(file_.get(), "# begin_ns end_ns quiet_ns trace_bytes\n");
}

Result<> PeriodLog::add(const Period& p) {
  return append(file_.get(), fmt::format("{} {} {} {}\n", p.begin, p.end, p.quiet, p.bytes));
}

std::vector<Period> read_periods(const std::string& directory) {
  std::vector<Period> out;
  std::ifstream in(directory + "/" + kPeriodsName);
  if (directory.empty() || !in) return out;
  for (std::string line; std::getline(in, line) && !in.eof();) {
    Period p;
    if (std::sscanf(line.c_str(), "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &p.begin, &p.end, &p.quiet, &p.bytes) == 4)
      out.push_back(p);
  }
  return out;
}

}  // namespace tracectl::capture
