// SPDX-License-Identifier: MIT
#include "core/capture/directory.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <system_error>

#include "core/capture/format.hpp"
#include "core/fd.hpp"

namespace tracectl::capture {
namespace fs = std::filesystem;
namespace {

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

bool is_there(const std::string& path) {
  struct stat st {};
  return ::lstat(path.c_str(), &st) == 0;
}

bool is_empty_directory(const std::string& path) {
  std::error_code ec;
  return fs::is_directory(fs::symlink_status(path, ec)) && fs::is_empty(path, ec) && !ec;
}

// What a recorder leaves that was killed before its first byte.
bool remove_stillborn(const std::string& path) {
  std::error_code ec;
  size_t files = 0;
  for (auto entry = fs::directory_iterator(path, ec); !ec && entry != fs::directory_iterator(); entry.increment(ec)) ++files;
  const std::string data = path + "/" + kDataName;
  struct stat st {};
  const bool only_empty_data =
      !ec && files == 1 && ::lstat(data.c_str(), &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0;
  return only_empty_data && ::unlink(data.c_str()) == 0;
}

Result<> move_aside(const std::string& path) {
  const std::string old = path + ".old";
  if (is_there(old)) {
    if (!is_capture(old))
      return fail(fmt::format("cannot move the capture {} to {}: that is there and is no capture", path, old),
                  fmt::format("move {} away, or write elsewhere with -o DIRECTORY", old));
    std::error_code ec;
    fs::remove_all(old, ec);
    if (ec) return fail(fmt::format("cannot remove the older capture {}: {}", old, ec.message()));
  }
  if (::rename(path.c_str(), old.c_str()) != 0) return fail_errno(fmt::format("cannot move {} to {}", path, old));
  return {};
}

}  // namespace

bool is_capture(const std::string& path) {
  struct stat st {};
  if (::lstat(path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) return false;
  const std::string data = path + "/" + kDataName;
  const Fd fd(::open(data.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  char magic[sizeof kMagic];
  return fd && ::read(fd.get(), magic, sizeof magic) == sizeof magic && std::memcmp(magic, kMagic, sizeof magic) == 0;
}

Result<> make_directory(const std::string& given) {
  const std::string path = without_slash(given);
  if (path.empty()) return fail_usage("the capture needs a directory name");
  if (is_there(path) && !is_empty_directory(path) && !remove_stillborn(path)) {
    if (!is_capture(path))
      return fail(fmt::format("cannot write a capture to {}: it is there and is no capture", path),
                  "name another directory with -o DIRECTORY");
    if (auto moved = move_aside(path); !moved) return moved;
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(fmt::format("cannot create directory {}", path));
  return {};
}

Result<> write_side_file(const std::string& directory, const std::string& name, std::string_view text) {
  const std::string path = directory + "/" + name, fresh = path + ".new";
  const Fd fd(::open(fresh.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(fmt::format("cannot create {}", fresh));
  const auto give_up = [&fresh](const std::string& doing) {
    auto failed = fail_errno(doing);
    ::unlink(fresh.c_str());
    return failed;
  };
  for (size_t at = 0; at < text.size();) {
    const ssize_t done = ::write(fd.get(), text.data() + at, text.size() - at);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return give_up(fmt::format("cannot write {}", fresh));
    at += static_cast<size_t>(done);
  }
  if (::fsync(fd.get()) != 0) return give_up(fmt::format("cannot write {} to its disk", fresh));
  if (::rename(fresh.c_str(), path.c_str()) != 0) return give_up(fmt::format("cannot replace {}", path));
  return {};
}

}  // namespace tracectl::capture
