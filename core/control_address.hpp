// SPDX-License-Identifier: MIT
// The address of a capture's control socket, by its directory's descriptor: the directory's own
// path may be longer than the 108 bytes that a socket's may have.
// Source: unix(7); proc(5), /proc/self/fd.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>

#include "core/control.hpp"

namespace tracectl {

class ControlAddress {
 public:
  // `directory`: an open descriptor (O_PATH will do), open as long as the address is used.
  explicit ControlAddress(int directory) {
    address_.sun_family = AF_UNIX;
    const std::string path = "/proc/self/fd/" + std::to_string(directory) + "/" + kControlName;
    std::memcpy(address_.sun_path, path.c_str(), path.size() + 1);
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  [[nodiscard]] socklen_t size() const { return sizeof address_; }

 private:
  sockaddr_un address_{};
};

}  // namespace tracectl
