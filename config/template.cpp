// SPDX-License-Identifier: MIT
#include "config/template.hpp"

namespace tracectl {
namespace {

constexpr const char* kHead = R"(# A tracectl plan. Keys stand at their defaults; take the "#" away to change one.
#   tracectl check plan.toml            what it would do
#   tracectl run plan.toml -- ./app     do it
plan = 1                       # language version
#title = "Which question does this plan answer?"

[target]
# What to run; a command line after -- replaces it.
#command = ["./app", "argument"]
#user = "nobody"               # (kernel machine) start the command as this user
#follow = true                 # trace forked children and exec'd programs too

[trace]
#backend = "auto"              # auto, intel_pt, coresight: by the program's processor
#machine = "auto"              # auto, kernel (needs trace hardware), emulated (QEMU)
#scope = "user"                # user, kernel, all; kernel code needs the kernel machine
#start = "paused"              # paused, running; paused where some trigger resumes
#threads = "exact"             # (kernel machine) exact: a group per thread; per-cpu
#filter = ["app:*"]            # (kernel machine) hardware address filters

# Intel Processor Trace. Most of these need the hardware.
[trace.intel_pt]
#tsc = true                    # time stamps
#cyc = false                   # cycle counts
#mtc = false                   # timing packets between time stamps
#noretcomp = false             # do not compress returns
#ptw = false                   # PTWRITE values
#fup_on_ptw = false            # and where they were written
#pwr_evt = false               # power state changes
#branch = true                 # what ran
#event = false                 # interrupts and exceptions
#notnt = false                 # no conditional branches
#mtc_period = 0
#cyc_thresh = 0
#psb_period = 0                # a place where decoding can begin every 2^(N + 11) bytes

# Arm CoreSight, for AArch64 programs.
[trace.coresight]
#sink = "auto"
#source = "ete"
#cycacc = false
#timestamp = true
#contextid = true
#retstack = false
#branch_broadcast = false
#preset = 0
#configid = "NAME"
#cc_threshold = 0
#metadata = 1                  # 2: trace ids in records of their own, as perf since 6.4 writes (perf 6.1 refuses it)

[buffer]
#size = "4MiB"                 # of trace, each thread or cpu: a power of two of pages
#data = "512KiB"               # of records, each thread or cpu
#mode = "full"                 # full; ring: keep only the last `size`
#pages = "auto"                # auto, scatter, contiguous
#wakeup = "auto"               # drain after so many bytes; auto: a quarter of size
#on_full = "wait"              # wait (emulated), stop, drop
#total = "256MiB"              # all trace buffers together

[limits]
# The session ends when one is reached.
#duration = "10s"
#bytes = "1GiB"
#windows = 1000

# Trace by the clock, in place of triggers: a part of each `every`, for profiles over hours.
#[collect]
#every = "1s"
#for = "100ms"                 # of each; pauses are no loss
#max_bytes = "64MiB"           # the session ends behind the period that reached it
)";

constexpr const char* kExamples = R"(
# Trace only between two events: a function from entry to return, ...
#[[window]]
#name = "sort"
#function = "libc.so.6:qsort"
#limit = 100                   # the first N only
#longer_than = "1ms"           # reports show only slower ones

# ... a system call (needs scope = "kernel" and trace hardware), ...
#[[window]]
#syscall = "uname"

# ... or from one event to another.
#[[window]]
#from = "tracepoint:syscalls:sys_exit_read"
#to = "tracepoint:syscalls:sys_enter_write"

# A single event and what it does. tracectl list triggers shows every kind of event.
#[[trigger]]
#name = "failed reads"
#on = "tracepoint:syscalls:sys_exit_read"
#do = "resume"                 # resume, pause, snapshot
#filter = "ret < 0"            # the kernel's grammar: && || ! == != < > <= >= & ~
#limit = 10                    # the first N hits only

#[[trigger]]
#on = "breakpoint:app:parse_header"
#do = "pause"
#access = "x"                  # x, w, rw
#len = 8

#[[trigger]]
#on = "event:page-faults"      # (kernel machine)
#do = "snapshot"
#period = 1                    # every Nth
#size = "64KiB"                # trace kept
)";

}  // namespace

std::string plan_template(const std::string& triggers) {
  return std::string(kHead) + (triggers.empty() ? kExamples : "\n" + triggers);
}

}  // namespace tracectl
