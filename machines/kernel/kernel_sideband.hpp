// SPDX-License-Identifier: MIT
// KernelSideband: what changes in the kernel's own code while it is traced: modules and other symbols that come and
// go (KSYMBOL), BPF programs (BPF_EVENT), instructions that are patched (TEXT_POKE).
//
// Whoever causes it runs on any cpu, in any process, so it takes an event of its own on every cpu, with a small
// ring each. Its records name the sideband event.
// Errors: a kernel or user that may not watch cpus (perf_event_paranoid above 0) has none: open() says so.
// Source: perf_event_open(2), ksymbol, bpf_event (Linux 5.1), text_poke (5.8); kernel/events/core.c, perf_iterate_sb.
#pragma once

#include <memory>
#include <vector>

#include "core/capture/writer.hpp"
#include "core/fd.hpp"
#include "core/host.hpp"
#include "core/session.hpp"

namespace tracectl::kernel {

class KernelSideband {
 public:
  KernelSideband(const HostFacts& host, capture::Writer& writer, Session& session)
      : host_(host), writer_(writer), session_(session) {}
  KernelSideband(const KernelSideband&) = delete;
  KernelSideband& operator=(const KernelSideband&) = delete;
  ~KernelSideband();

  Result<> open(const std::vector<int>& cpus);
  // Drained a last time.
  void end();

 private:
  struct Ring {
    Fd fd;
    void* base = nullptr;
    int cpu = -1;
  };
  Result<> open_on(int cpu);

  const HostFacts& host_;
  capture::Writer& writer_;
  Session& session_;
  std::vector<std::unique_ptr<Ring>> rings_;
};

}  // namespace tracectl::kernel
