// SPDX-License-Identifier: MIT
#include "core/capture/data_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/uio.h>

#include <array>

#include "core/check.hpp"

namespace tracectl::capture {
namespace {

// Writeback is asked for in windows of this size, and awaited one window later: the disk
// works while the next window fills.
constexpr uint64_t kWindow = 8u << 20;

constexpr const char* kSpaceHint = "free some space, or write the capture elsewhere with -o DIRECTORY";

// Moves the front of an iovec list forward by `done` bytes.
std::span<iovec> advance(std::span<iovec> parts, size_t done) {
  while (!parts.empty() && done >= parts.front().iov_len) {
    done -= parts.front().iov_len;
    parts = parts.subspan(1);
  }
  if (!parts.empty() && done != 0) {
    parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + done;
    parts.front().iov_len -= done;
  }
  return parts;
}

}  // namespace

Result<DataFile> DataFile::create(const std::string& path) {
  DataFile file;
  file.path_ = path;
  file.fd_ = Fd(::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  if (!file.fd_) return fail_errno(fmt::format("cannot create {}", path));
  ::flock(file.fd_.get(), LOCK_EX | LOCK_NB);  // a repair keeps away meanwhile; not every file system can
  return file;
}

Result<> DataFile::append(std::span<const std::span<const std::byte>> parts) {
  std::array<iovec, 8> list{};
  TRACECTL_CHECK(parts.size() <= list.size(), "too many parts");
  uint64_t total = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    list[i] = {const_cast<std::byte*>(parts[i].data()), parts[i].size()};
    total += parts[i].size();
  }
  std::span<iovec> left = advance(std::span(list).first(parts.size()), 0);
  uint64_t at = size_;
  const auto refuse = [&](int error) {
    errno = failed_ = error;
    return fail_errno(fmt::format("cannot write {} bytes to {}", total, path_),
                      error == ENOSPC || error == EDQUOT || error == EFBIG ? kSpaceHint : "");
  };
  if (failed_ != 0) return refuse(failed_);
  while (!left.empty()) {
    const ssize_t done = ::pwritev(fd_.get(), left.data(), static_cast<int>(left.size()), static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) {
      const int error = done < 0 ? errno : EIO;
      if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) size_ = at;  // the reader copes with the rest
      return refuse(error);
    }
    at += static_cast<uint64_t>(done);
    left = advance(left, static_cast<size_t>(done));
  }
  size_ = at;
  if (size_ - started_ >= kWindow) drop_from_cache();
  return {};
}

Result<> DataFile::patch(uint64_t offset, std::span<const std::byte> bytes) {
  TRACECTL_CHECK(offset + bytes.size() <= size_, "patch behind the end");
  while (!bytes.empty()) {
    const ssize_t done = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return fail_errno(fmt::format("cannot update {}", path_));
    offset += static_cast<uint64_t>(done);
    bytes = bytes.subspan(static_cast<size_t>(done));
  }
  return {};
}

// Advice only: a file system that cannot do it (tmpfs) changes nothing.
void DataFile::drop_from_cache() {
  if (started_ > dropped_) {
    const auto length = static_cast<off_t>(started_ - dropped_);
    ::sync_file_range(fd_.get(), static_cast<off_t>(dropped_), length,
                      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    ::posix_fadvise(fd_.get(), static_cast<off_t>(dropped_), length, POSIX_FADV_DONTNEED);
    dropped_ = started_;
  }
  const uint64_t whole_pages = size_ & ~uint64_t{4095};
  ::sync_file_range(fd_.get(), static_cast<off_t>(started_), static_cast<off_t>(whole_pages - started_),
                    SYNC_FILE_RANGE_WRITE);
  started_ = whole_pages;
}

}  // namespace tracectl::capture
