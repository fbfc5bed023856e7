// SPDX-License-Identifier: MIT
// The guest's memory. guest_base is 0 for 64-bit guests, so a guest address is a host address;
// whoever reads one must know that it is mapped, or go through read_guest().
#pragma once

#include <sys/uio.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace tracectl::plugin {

template <typename T>
inline T* guest_pointer(uint64_t address) {
  return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr): the one place that must
}

inline uint64_t load64(uint64_t address) { return *guest_pointer<const uint64_t>(address); }

// process_vm_readv(2) on ourselves: an unmapped address is an error, not a fault. All of it or false.
inline bool read_guest(uint64_t address, void* out, size_t size) {
  iovec to{out, size}, from{guest_pointer<void>(address), size};
  return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == static_cast<ssize_t>(size);
}

}  // namespace tracectl::plugin
