// SPDX-License-Identifier: MIT
// Plan: what the user wrote, typed, nothing decided yet. Every field remembers where it
// stands in the text, so that resolve can point at it.
//
// Shape: a Field without a value was not written; `auto` also leaves it without one.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/diagnostics.hpp"
#include "core/resolved_plan.hpp"

namespace tracectl {

template <class T>
struct Field {
  std::optional<T> value;
  SourceRef at;  // of the value
  explicit operator bool() const { return value.has_value(); }
  [[nodiscard]] bool written() const { return at.line != 0; }  // even if with a bad value
  const T& operator*() const { return *value; }
  [[nodiscard]] T value_or(T other) const { return value ? *value : other; }
};

enum class StartMode : uint8_t { paused, running };

struct PlanTrigger {
  SourceRef at;  // of the table's header
  Field<std::string> name, on, filter;
  Field<Action> action;
  Field<BreakAccess> access;
  Field<uint64_t> len, period, limit;
  Field<uint64_t> size;  // bytes
};

struct PlanWindow {
  SourceRef at;
  Field<std::string> name, function, syscall, from, to;
  Field<uint64_t> limit;
  Field<std::chrono::nanoseconds> longer_than;
};

struct PlanIntelPt {
  Field<bool> tsc, cyc, mtc, noretcomp, ptw, fup_on_ptw, pwr_evt, branch, event, notnt;
  Field<uint64_t> mtc_period, cyc_thresh, psb_period;
};

struct PlanCoresight {
  Field<std::string> sink, source, configid;
  Field<bool> cycacc, timestamp, contextid, retstack, branch_broadcast;
  Field<uint64_t> preset, cc_threshold, metadata;
};

struct PlanBuffer {
  Field<uint64_t> size, data, total, wakeup;  // bytes
  Field<BufferMode> mode;
  Field<BufferPages> pages;
  Field<OnFull> on_full;
};

struct PlanLimits {
  Field<std::chrono::nanoseconds> duration;
  Field<uint64_t> bytes, windows;
};

struct PlanCollect {
  SourceRef at;  // of the table's name
  Field<std::chrono::nanoseconds> every, length;
  Field<uint64_t> max_bytes;
  [[nodiscard]] bool written() const { return at.line != 0; }
};

struct Plan {
  std::shared_ptr<const SourceText> source;  // the plan file; null when made from options
  Field<int64_t> version;
  Field<std::string> title;
  Target target;  // from the command line only
  Field<std::vector<std::string>> command;
  Field<std::string> user;
  Field<bool> follow;
  Field<BackendKind> backend;
  Field<MachineKind> machine;
  Field<Scope> scope;
  Field<StartMode> start;
  Field<ThreadMode> threads;
  Field<std::vector<std::string>> address_filters;
  PlanIntelPt intel_pt;
  PlanCoresight coresight;
  PlanBuffer buffer;
  PlanLimits limits;
  PlanCollect collect;
  std::vector<PlanTrigger> triggers;
  std::vector<PlanWindow> windows;
};

}  // namespace tracectl
