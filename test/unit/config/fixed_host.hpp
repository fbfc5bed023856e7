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

// Two cpus with ETE and TRBE, under a kernel whose timestamp term has moved.
inline tracectl::HostFacts etm_host() {
  tracectl::HostFacts host = pt_host();
  host.kernel_release = "7.2.0";
  host.cpu_model = "Test CPU with ETE";
  host.breakpoint_slots = 6;
  host.watchpoint_slots = 4;
  host.pmus.clear();
  tracectl::PmuFacts etm;
  etm.name = "cs_etm";
  etm.type = 11;
  etm.nr_addr_filters = 8;
  etm.format = {{"preset", "config:0-3"},      {"timestamp", "config:4-7"},     {"cycacc", "config:12"},
                {"contextid", "config:14"},    {"retstack", "config:29"},       {"sinkid", "config2:0-31"},
                {"configid", "config2:32-63"}, {"cc_threshold", "config3:0-11"}};
  etm.events = {{"autofdo", "configid=0x00000000a7c3dddd"}};
  etm.sinks = {{"trbe0", "0x000000003744496a"}, {"trbe1", "0x00000000058ca323"}};
  host.pmus["cs_etm"] = etm;
  host.sink_devices = {{"trbe0", {{"align", "1"}, {"flag", "1"}}}, {"trbe1", {{"align", "1"}, {"flag", "1"}}}};
  return host;
}
