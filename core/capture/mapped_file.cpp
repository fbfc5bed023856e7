// SPDX-License-Identifier: MIT
#include "core/capture/mapped_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <utility>

namespace tracectl::capture {

Result<MappedFile> MappedFile::open(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat st {};
  if (!fd || ::fstat(fd.get(), &st) != 0) return fail_errno(fmt::format("cannot open {}", path));
  if (!S_ISREG(st.st_mode)) return fail(fmt::format("cannot read {}: it is no regular file", path));
  MappedFile file;
  file.size_ = static_cast<size_t>(st.st_size);
  if (file.size_ == 0) return fail(fmt::format("cannot read {}: it is empty", path));
  void* map = ::mmap(nullptr, file.size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (map == MAP_FAILED) return fail_errno(fmt::format("cannot map {} ({} bytes)", path, file.size_));
  file.base_ = static_cast<const std::byte*>(map);
  file.fd_ = std::move(fd);
  return file;
}

bool MappedFile::map_at(std::byte* place, uint64_t offset, size_t size) const {
  void* map = ::mmap(place, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd_.get(), static_cast<off_t>(offset));
  return map != MAP_FAILED;
}

MappedFile::MappedFile(MappedFile&& o) noexcept
    : fd_(std::move(o.fd_)), base_(std::exchange(o.base_, nullptr)), size_(std::exchange(o.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& o) noexcept {
  std::swap(fd_, o.fd_);
  std::swap(base_, o.base_);
  std::swap(size_, o.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (base_ != nullptr) ::munmap(const_cast<std::byte*>(base_), size_);
}

}  // namespace tracectl::capture
