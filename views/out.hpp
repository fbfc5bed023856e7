// SPDX-License-Identifier: MIT
// Out: where views write. 64 KiB at a time; a reader that went away (`| head`) is no error:
// ok() turns false and the view stops.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <deque>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace tracectl::views {

class Out {
 public:
  static constexpr size_t kBuffer = 64 * 1024;  // bytes
  explicit Out(std::FILE* file) : file_(file) {}
  Out(const Out&) = delete;
  Out& operator=(const Out&) = delete;
  ~Out() { flush(); }

  // At most so many lines; then ok() is false.
  void limit(uint64_t lines) { left_ = lines; }
  // Keeps only the last lines; release() lets them out.
  void keep_last(uint64_t lines) { keep_ = lines; }
  void release();

  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    if (!ok_) return;
    if (keep_ == 0) {
      fmt::format_to(std::back_inserter(buffer_), format, std::forward<Args>(args)...);
      end_line();
    } else {
      keep(fmt::format(format, std::forward<Args>(args)...));
    }
  }
  // `count` ready lines, each with its newline.
  void lines(std::string_view text, uint64_t count);
  // A line that limit and keep_last do not count: headings.
  void heading(std::string_view text);

  [[nodiscard]] bool ok() const { return ok_; }
  // False when the file could not be written for another reason than a reader that went away.
  bool flush();

 private:
  void end_line() {
    buffer_.push_back('\n');
    if (buffer_.size() >= kBuffer) flush();
    if (--left_ == 0) ok_ = false;
  }
  void keep(std::string text);

  std::FILE* file_;
  fmt::memory_buffer buffer_;
  std::deque<std::string> kept_;
  std::string heading_;
  uint64_t left_ = std::numeric_limits<uint64_t>::max(), keep_ = 0;
  bool ok_ = true, failed_ = false;
};

}  // namespace tracectl::views
