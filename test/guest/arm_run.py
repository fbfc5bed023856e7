# SPDX-License-Identifier: MIT
"""`tracectl run` of AArch64 programs on two cpus with ETE and TRBE: breakpoints, probes, threads, a buffer that wraps,
snapshots, a sink by its name, the trace unit's options, address filters; perf in the guest reads each capture."""
import json
import re

from arm import Tree, boot, main
from guest import Skipped, equal, need, quiet_kernel, read, status

RUNS = {
    "spans": "--window from=breakpoint:windows_static:begin_work,to=breakpoint:windows_static:end_work -- WINDOWS spans 20",
    "uprobes": "--window function=windows_static:leaf -- WINDOWS calls 20",
    "threads": "--window from=breakpoint:windows_static:leaf,to=breakpoint:windows_static:calls -- WINDOWS threads 5",
    "syscalls": "--window from=tracepoint:syscalls:sys_exit_close,to=tracepoint:syscalls:sys_enter_getppid "
                "-- WINDOWS syscalls 10",
    "whole": "--size 64KiB -- RING 3 100000",
    "ring": "/ring.toml -- RING 3 50000",
    "often": "/ring.toml -- RING 20 300",
    "crash": "/ring.toml --snapshot-on crash -- RING 0 50000 crash",
    "moves": "--window from=breakpoint:migrate_static:begin_work,to=breakpoint:migrate_static:end_work -- MIGRATE 10",
    "sink": "/sink.toml --window from=breakpoint:windows_static:begin_work,to=breakpoint:windows_static:end_work -- WINDOWS spans 5",
    "options": "/options.toml --window from=breakpoint:windows_static:begin_work,to=breakpoint:windows_static:end_work "
               "-- WINDOWS spans 5",
    "filter": "/filter.toml -- WINDOWS calls 20",
    "start_stop": "/start_stop.toml -- WINDOWS spans 20",
    "both_kinds": "/both_kinds.toml -- WINDOWS spans 20",
    "strobe": "/strobe.toml -- WINDOWS calls 20",
    "version2": "/version2.toml --window from=breakpoint:windows_static:begin_work,to=breakpoint:windows_static:end_work "
                "-- WINDOWS spans 5",
    "cpus": "--size 256KiB -a -- WINDOWS calls 20",
    "no_sink": "/no_sink.toml -- WINDOWS calls 1",
    "missing": "-- /no/such/program",
}
# Read by perf in the guest. perf 7.2 refuses a thread's trace that came by the sinks of two cpus (AUXTRACE_INFO: Invalid
# argument; its own --per-thread recordings too), so that these stay on cpu 0, whose sink is trbe0.
READ = ("spans", "uprobes", "syscalls", "sink", "options", "filter", "start_stop", "version2")
MOVING = ("threads", "moves")
PLANS = {
    "ring": '[buffer]\nsize = "64KiB"\n[[trigger]]\non = "breakpoint:ring_static:report_error"\ndo = "snapshot"\nsize = "16KiB"\n',
    "sink": '[trace.coresight]\nsink = "trbe0"\n',
    "no_sink": '[trace.coresight]\nsink = "tmc_etr0"\n',
    "options": "[trace.coresight]\nretstack = true\ncycacc = true\ncc_threshold = 256\nbranch_broadcast = false\n",
    "filter": '[trace]\nfilter = ["windows_static:leaf"]\n',
    "start_stop": '[trace]\nfilter = ["start windows_static:begin_work", "stop windows_static:end_work"]\n',
    "both_kinds": '[trace]\nfilter = ["start windows_static:begin_work", "windows_static:leaf"]\n',
    "strobe": '[trace.coresight]\nconfigid = "autofdo"\npreset = 1\n',
    "version2": '[trace.coresight]\nmetadata = 2\n',
}


def script(programs):
    lines = ["export HOME=/out"]
    for name, words in RUNS.items():
        for word, path in programs.items():
            words = words.replace(word, path)
        pinned = "taskset 1 " if name in READ else ""
        lines += [f"{pinned}tracectl run -q -o {name}.data {words} >{name}.out 2>{name}.err", f"echo $? >{name}.status"]
    lines += [f"for name in {' '.join((*READ, 'cpus'))}; do perf script -D -i $name.data >$name.dump 2>&1",
              "perf script -i $name.data --itrace=i1i -F ip,sym >$name.perf 2>$name.perf.err; done",
              "tracectl check /options.toml >options.check 2>&1", "tracectl check /strobe.toml >strobe.check 2>&1",
              "dmesg | grep -iE 'warn|bug:|oops' >dmesg", "true"]
    return "\n".join(lines) + "\n"


def prepare(bench):
    tree = Tree(bench)
    tree.tracectl()
    programs = {"WINDOWS": tree.program("windows"), "RING": tree.program("ring"), "MIGRATE": tree.program("migrate")}
    for name, text in PLANS.items():
        tree.text(f"/{name}.toml", "plan = 1\n" + text)
    return boot(tree, script(programs), cpus=2, icount=False)


def facts_of(out, name, wanted=0):
    equal(f"status of {name}: {read(out, name + '.err')[-500:]}", status(out, name), wanted)
    return json.loads(read(out, f"{name}.data/capture.json"))


def losses(facts):
    return {kind: count for kind, count in facts["loss"].items() if count}


def clean(out, name, windows):
    facts = facts_of(out, name)
    equal(f"losses of {name}", losses(facts), {})
    equal(f"windows of {name}", facts["windows"], windows)
    return facts


def perf_reads(out, name):
    """{function: instructions} of perf in the guest, which must meet no bad packet and miss no piece."""
    dump = read(out, f"{name}.dump")
    need("I_TRACE_INFO" in dump, name, "has no packets:", dump[-500:])
    equal(f"bad packets of {name}",
          re.findall(r"^.*(?:I_BAD|I_RESERVED|Couldn't find auxtrace|OCSD_ERR).*$", dump, re.M), [])
    found = {}
    for word in re.findall(r"^\s*[0-9a-f]+ (\S+)$", read(out, f"{name}.perf"), re.M):
        found[word] = found.get(word, 0) + 1
    return found


def breakpoints(_, out):
    clean(out, "spans", 20)
    need(perf_reads(out, "spans").get("leaf", 0) > 0, "no leaf in it")


def probes(_, out):
    """A window by function; the displaced instruction and the return's trampoline lie in the kernel's own page."""
    clean(out, "uprobes", 20)
    need(perf_reads(out, "uprobes").get("leaf", 0) > 0, "no leaf in it")


def threads(_, out):
    """Four threads over two cpus, each with its own group."""
    facts = clean(out, "threads", 4)
    equal("threads with trace", len([t for t in facts["threads"] if t["trace_bytes"]]), 4)


def moves(_, out):
    """Windows that begin on one cpu and end on the other."""
    clean(out, "moves", 10)


def system_calls(_, out):
    clean(out, "syscalls", 11)
    perf_reads(out, "syscalls")


def wraps(_, out):
    """A buffer that goes round; what a full one cut is counted."""
    facts = facts_of(out, "whole")
    need(facts["trace_bytes"] > 2 * (64 << 10), "the buffer never went round:", facts["trace_bytes"])
    lost = losses(facts)
    need(set(lost) <= {"truncated", "collision"} and lost.get("collision", 0) > 0, "losses:", lost)
    return f"{facts['trace_bytes']} bytes through 64 KiB: {lost}"


def snapshots(_, out):
    """Of every hit: a thread's breakpoints stay in place although each hit stops it."""
    facts = facts_of(out, "ring")
    equal("bytes of three snapshots", facts["trace_bytes"], 3 * 16384)
    often = facts_of(out, "often")
    equal("losses", losses(often), {})
    need(20 * 500 < often["trace_bytes"] < 20 * 16384, "bytes of twenty close together:", often["trace_bytes"])
    need("report_error" not in read(out, "ring.err"), read(out, "ring.err"))
    kept = facts_of(out, "crash", 139)
    need(kept["trace_bytes"] > 1000, "bytes kept at the crash:", kept["trace_bytes"])
    return f"{facts['trace_bytes']} bytes of three snapshots, {kept['trace_bytes']} at a crash"


def sink_by_name(_, out):
    clean(out, "sink", 5)
    perf_reads(out, "sink")
    equal("status of a sink that is not there", status(out, "no_sink"), 3)
    need('no sink "tmc_etr0"' in read(out, "no_sink.err") and "trbe0, trbe1" in read(out, "no_sink.err"),
         read(out, "no_sink.err"))


def unit_options(_, out):
    """Return stack and cycle counts, with a threshold: an attr longer than what the capture keeps of it."""
    clean(out, "options", 5)
    perf_reads(out, "options")
    need("I_CCNT" in read(out, "options.dump"), "no cycle count in it")
    need("config3          0x100" in read(out, "options.check"), read(out, "options.check"))


def address_filters(_, out):
    """The trace unit itself leaves out all but one function."""
    equal(f"losses of filter: {read(out, 'filter.err')}", losses(facts_of(out, "filter")), {})
    equal("functions", sorted(perf_reads(out, "filter")), ["leaf"])


def start_stop(_, out):
    """On at one function's begin, off at another's; the driver takes no ranges beside."""
    equal(f"losses of start_stop: {read(out, 'start_stop.err')}", losses(facts_of(out, "start_stop")), {})
    found = perf_reads(out, "start_stop")
    need({"begin_work", "leaf"} <= set(found) <= {"begin_work", "leaf", "spans", "end_work"}, "functions:", found)
    equal("instructions of leaf, 20 times", found["leaf"], perf_reads(out, "spans")["leaf"])
    equal("status of both kinds", status(out, "both_kinds"), 3)
    need("not both" in read(out, "both_kinds.err"), read(out, "both_kinds.err"))


def strobing(_, out):
    """The kernel's own configuration, with a preset; what it does with the unit's counters is not emulated."""
    check = read(out, "strobe.check")
    need("config2          0xa7c3dddd00000000" in check, check)
    facts_of(out, "strobe")


def version_two(_, out):
    """AUXTRACE_INFO as newer perfs write it."""
    clean(out, "version2", 5)
    found = perf_reads(out, "version2")
    equal("header", re.search(r"Header version\s+(\d+)", read(out, "version2.dump"))[1], "2")
    need(found.get("leaf", 0) > 0 and found == perf_reads(out, "sink"), "not as in version 1:", found)


def all_cpus(bench, out):
    """perf and tracectl see the same of the program, which is there on this computer too. (Of others the code is missing.)"""
    facts = facts_of(out, "cpus")
    equal("buffers, by cpu", len(facts["threads"]), 2)
    need(facts["trace_bytes"] > 0, "no trace")
    theirs = len(re.findall(r"^\s*[0-9a-f]+ leaf$", read(out, "cpus.perf"), re.M))
    text = bench.view("script", "instructions", f"{out}/cpus.data", status=None).splitlines()
    ours = sum(1 for line in text if re.search(r" leaf(\+0x[0-9a-f]+)? ", line))
    need(theirs > 0, "perf sees no leaf")
    equal("instructions of leaf", ours, theirs)
    info = bench.view("info", "--decode", f"{out}/cpus.data", status=None)
    told = re.findall(r"^  \d+ +(.*)$", info[info.index("decode errors"):info.index("loss ")], re.M)
    need(not [words for words in told if "is not here" not in words or "windows_static" in words], "decode errors:", told)


def ends(_, out):
    equal("status of no program", status(out, "missing"), 127)


def decoded_here(bench, out):
    """tracectl of this computer reads them without an error."""
    for name in (*READ, *MOVING):
        done = bench.run([bench.tracectl, "info", "--json", f"{out}/{name}.data"])
        if b"cannot decode coresight" in done.stderr:
            raise Skipped("this tracectl decodes no CoreSight yet")
        equal(f"decode errors of {name}", json.loads(done.stdout)["decode_errors"], 0)


if __name__ == "__main__":
    main(prepare, [breakpoints, probes, threads, moves, system_calls, wraps, snapshots, sink_by_name, unit_options, address_filters,
                   start_stop, strobing, version_two, all_cpus, ends, decoded_here, quiet_kernel])
