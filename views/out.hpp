// SPDX-License-Identifier: MIT
// Out: where views write. 64 KiB at a time; a reader that went away (`| head`) is no error:
// ok() turns false and the view stops.
#pragma once

#include <cstdint>
#include <cstdio>
#include <deque>
#include <limits>
#include <string>
#include <string_view>

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

  // Views write an object a line, and no headings.
  void as_json() { json_ = true; }
  [[nodiscard]] bool json() const { return json_; }

  // `text` without its newline.
  void line(std::string_view text);
  // `count` ready lines, each with its newline.
  void lines(std::string_view text, uint64_t count);
  // A line that limit and keep_last do not count: headings.
  void heading(std::string_view text);

  // Not text: written as it is, past every limit.
  void bytes(std::string_view bytes);

  [[nodiscard]] bool ok() const { return ok_; }
  // False when the file could not be written for another reason than a reader that went away.
  bool flush();

 private:
  std::FILE* file_;
  std::string buffer_;
  std::deque<std::string> kept_;
  std::string heading_;
  uint64_t left_ = std::numeric_limits<uint64_t>::max(), keep_ = 0;
  bool ok_ = true, failed_ = false, json_ = false;
};

// A JSON string with its quotes; bytes that are no UTF-8 are replaced.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace tracectl::views
