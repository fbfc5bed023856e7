// SPDX-License-Identifier: MIT
#include "views/out.hpp"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <utility>

namespace tracectl::views {

bool Out::flush() {
  if (!buffer_.empty() && !failed_) {
    const bool written = std::fwrite(buffer_.data(), 1, buffer_.size(), file_) == buffer_.size() && std::fflush(file_) == 0;
    if (!written) {
      ok_ = false;
      failed_ = errno != EPIPE;
    }
  }
  buffer_.clear();
  return !failed_;
}

void Out::line(std::string_view text) {
  if (!ok_) return;
  if (keep_ != 0) {
    if (kept_.size() == keep_) kept_.pop_front();
    kept_.emplace_back(text);
    return;
  }
  buffer_.append(text);
  buffer_.push_back('\n');
  if (buffer_.size() >= kBuffer) flush();
  if (--left_ == 0) ok_ = false;
}

void Out::heading(std::string_view text) {
  if (json_) return;
  if (!ok_) return;
  if (keep_ != 0) {
    heading_ = text;
    return;
  }
  buffer_.append(text);
  buffer_.push_back('\n');
}

void Out::lines(std::string_view text, uint64_t count) {
  if (ok_ && keep_ == 0 && left_ > count) {
    left_ -= count;
    buffer_.append(text);
    if (buffer_.size() >= kBuffer) flush();
    return;
  }
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    line(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

void Out::bytes(std::string_view bytes) {
  if (!ok_) return;
  buffer_.append(bytes);
  if (buffer_.size() >= kBuffer) flush();
}

void Out::release() {
  const uint64_t keep = std::exchange(keep_, 0);
  if (!kept_.empty() && !heading_.empty()) heading(heading_);
  for (const std::string& text : kept_) line(text);
  kept_.clear();
  heading_.clear();
  keep_ = keep;
}

std::string quoted(std::string_view text) {
  return nlohmann::json(std::string(text)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace tracectl::views
