// SPDX-License-Identifier: MIT
// Two machines for the tests: their facts are written down, not read.
#pragma once

#include "core/host.hpp"

inline tracectl::HostFacts plain_host() {
  tracectl::HostFacts host;
  host.kernel_release = "6.1.0";
  host.cpu_model = "Test CPU without trace";
  host.cpus = 2;
  host.perf_event_paranoid = 2;
  host.memlock_limit = 8 << 20;
  host.qemu_x86_64 = {"/usr/bin/qemu-x86_64", "7.2.0", 7, 2, 1};
  return host;
}

inline tracectl::HostFacts pt_host() {
  tracectl::HostFacts host = plain_host();
  host.kernel_release = "6.13.0";
  host.cpu_model = "Test CPU with Intel PT";
  host.privileged = host.uprobes = host.locks_freely = host.reads_kernel = true;
  host.breakpoint_slots = 4;
  host.aux_action = tracectl::AuxActionSupport::abi_known;
  tracectl::PmuFacts pt;
  pt.name = "intel_pt";
  pt.type = 8;
  pt.nr_addr_filters = 2;
  pt.caps = {{"psb_cyc", "1"},
             {"mtc", "1"},
             {"ptwrite", "0"},
             {"psb_periods", "3f"},
             {"mtc_periods", "249"},
             {"cycle_thresholds", "1fff"},
             {"topa_multiple_entries", "1"}};
  host.pmus["intel_pt"] = pt;
  return host;
}
