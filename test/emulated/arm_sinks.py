# SPDX-License-Identifier: MIT
"""Trace units and sinks of the emulated machine that are not an ETE behind a TRBE: the same programs, the same rules as
in arm.py, through frames of 16 bytes and memories of a sink's own."""
import json
import os
import re
import shutil
import signal
import subprocess
import time

import arm
from common import equal, main, need
from losses import AUX, Data
from oracle import FLOW, block, threads_equal

TRUNCATED, RAW = 0x01, 0x100  # flags of PERF_RECORD_AUX
ALL = ("trbe0", "tmc_etr0", "tmc_etr1", "tmc_etr2", "tmc_etr3", "tmc_etf0", "tmc_etb0")


def use(bench, source, sink="auto", more=""):
    """Every later trace of this bench is by this unit into this sink."""
    plan, trace = bench.path(f"{source}-{sink}.toml"), bench.__class__.trace
    with open(plan, "w", encoding="utf-8") as file:
        file.write(f'plan = 1\n[trace]\nbackend = "coresight"\n[trace.coresight]\nsource = "{source}"\nsink = "{sink}"\n{more}')
    bench.trace = lambda command, options=(), **rest: trace(bench, command, [plan, *options], **rest)
    return bench


def aux_records(capture):
    """[(begin, size, flags)], in the order of the stream."""
    data = Data(capture)
    return [tuple(int.from_bytes(data.records[n][at:at + 8], "little") for at in (8, 16, 24)) for n in data.of(AUX)]


def framed(capture):
    """The records say frames, whole ones, and that nothing lies between them."""
    records = aux_records(capture)
    need(records and all(size % 16 == 0 and not flags & RAW for _, size, flags in records), "not in frames:", records[:3])
    for (begin, size, _), (behind, _, _) in zip(records, records[1:]):
        equal("begin of the next record", behind, begin + size)


# ---- the same instructions ----


def same(source, sink):
    def flow(bench):
        out = block(use(bench, source, sink, "retstack = true\n"), [bench.program("flow"), *FLOW])
        framed(bench.path("capture"))
        return out

    def exceptions(bench):
        return block(use(bench, source, sink), [bench.program("throws")])

    def raised(bench):
        return block(use(bench, source, sink), [bench.program("signals"), "raise", "nested", "longjump"])

    def faults(bench):
        return block(use(bench, source, sink), [bench.program("signals"), "segv"], begun=10)

    def threads(bench):
        return threads_equal(use(bench, source, sink), [bench.program("threads")], 5)

    return [flow, exceptions, raised, faults, threads]


def same_programs(source, sink):
    def xz(bench):
        return arm.xz(use(bench, source, sink))

    def sqlite(bench):
        return arm.sqlite(use(bench, source, sink))

    def threads_that_throw(bench):
        return arm.threads_that_throw(use(bench, source, sink))

    return [xz, sqlite, threads_that_throw]


def every_sink(bench):
    """What a sink is changes how the trace is carried, not what it says."""
    command, seen = [bench.program("flow"), "recursion", "table"], {}
    for source in ("ete", "etmv4"):
        for sink in ALL:
            capture = use(bench, source, sink).trace(command, status=None)
            bench.clean_info(capture)
            seen[source, sink] = [line[1:] for line in bench.digests(capture)]  # without the thread's id
            equal(f"{sink} is raw", all(flags & RAW for _, _, flags in aux_records(capture)), sink == "trbe0")
    equal("different digests", len(set(map(str, seen.values()))), 1)


# ---- pauses ----


def pause_flushes(bench):
    """A driver that copies from the sink does so at each pause; a TRBE's trace stays where it is."""
    count = {}
    for sink in ("trbe0", "tmc_etr0"):
        capture = use(bench, "ete", sink).trace([bench.program("windows"), "calls", "30"], ["--window", "function=windows:leaf"])
        equal("windows", bench.clean_info(capture)["windows"], 30)
        leaf, size = bench.symbols(bench.program("windows"))["leaf"]
        for sequence in bench.instructions(capture).values():
            equal("windows that begin at the entry", sequence.count(leaf), 30)
            need(all(leaf <= a < leaf + size for a in sequence), "an instruction outside of the window")
        count[sink] = len(aux_records(capture))
    equal("AUX records", count, {"trbe0": 1, "tmc_etr0": 30})


# ---- memories that are too small ----


def newest_is_kept(bench):
    """on_full = stop: nobody takes the memory's content before the program ends, so that its end is there."""
    command = [bench.program("flow"), "recursion", "sort", "table"]
    capture = use(bench, "etmv4", "tmc_etb0").trace(command, status=None)
    bench.clean_info(capture)
    ((tid, whole),) = bench.instructions(capture).items()
    capture = use(bench, "etmv4", "tmc_etb0", '[buffer]\non_full = "stop"\n').trace(command, status=None)
    bench.clean_info(capture, ("truncated", "undecodable"))
    equal("losses", bench.info(capture, status=None)["loss"]["truncated"], 1)
    lines = bench.view("script", "branches", capture, status=None).splitlines()
    need(any("! truncated" in line for line in lines[:3]), "the loss is in front of what is left:", lines[:3])
    ((begin, size, flags),) = aux_records(capture)
    need(begin == 0 and size <= 18 * 1024 and flags & TRUNCATED, "the one AUX record:", begin, size, flags)
    # Status 4: something is missing.
    end = [int(line.split()[1], 16) for line in bench.view("script", "instructions", "--raw", capture, status=4).splitlines()]
    need(100 < len(end) < len(whole), f"{len(end)} of {len(whole)} instructions kept")
    equal("the last instructions", end, whole[-len(end):])
    return f"{len(end)} of {len(whole)} instructions"


def killed(bench):
    """SIGKILL in the middle: what the sink's memory holds is in the capture."""
    program, ends = bench.program("flow"), 0
    use(bench, "etmv4", "tmc_etr0")
    for delay in (0.3, 0.45, 0.6):
        run = subprocess.Popen([bench.tracectl, "run", "-q", "-o", bench.path("killed"), bench.path("etmv4-tmc_etr0.toml"), "--",
                                program, *FLOW * 50], env=bench.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(delay)
        found = subprocess.run(["pgrep", "-P", str(run.pid)], stdout=subprocess.PIPE, check=False).stdout.split()
        for pid in found:
            os.kill(int(pid), signal.SIGKILL)
        run.communicate(timeout=60)
        need(found, "no program to kill")
        if not aux_records(bench.path("killed")):
            continue
        framed(bench.path("killed"))
        bench.clean_info(bench.path("killed"))
        ends += " I_DISCARD " in bench.view("script", "packets", bench.path("killed")).splitlines()[-1]
    need(bench.instructions(bench.path("killed")), "nothing was kept")
    need(ends > 0, "no trace ends with a Discard packet")


# ---- what others read ----


def profile(bench):
    return arm.profile(use(bench, "etmv4", "tmc_etr0"))


def perf_reads_it(bench):
    if not shutil.which("perf") or bench.run(["perf", "version"]).returncode != 0:
        return "skipped: perf is not installed (apt-get install linux-perf)"
    words = []
    for source, sink in (("ete", "tmc_etr0"), ("etmv4", "tmc_etf0"), ("etmv4", "trbe0")):
        use(bench, source, sink)
        words.append(arm.perf_reads_it(bench))
    return ", ".join(words)


def lister_reads_it(bench):
    return arm.snapshot(use(bench, "etmv4", "tmc_etr0"))


# ---- words ----


def check_explains(bench):
    program = bench.program("flow")
    use(bench, "etmv4")
    done = bench.run([bench.tracectl, "check", "--json", bench.path("etmv4-auto.toml"), "--", program])
    equal("status", done.returncode, 0)
    notes = " ".join(json.loads(done.stdout)["notes"])
    need(re.search(r"tmc_etr0.*copied into the AUX buffer.*in frames", notes), "check says:", notes)
    use(bench, "ete", "tmc_etr9")
    done = bench.run([bench.tracectl, "check", bench.path("ete-tmc_etr9.toml"), "--", program])
    equal("status with a sink that is not there", done.returncode, 3)
    need(b"tmc_etr0" in done.stderr, "the sinks that there are:", done.stderr)


if __name__ == "__main__":
    main({}, arm={"ete_framed": same("ete", "tmc_etr0"), "etmv4_framed": same("etmv4", "tmc_etr0"),
                  "ete_real": same_programs("ete", "tmc_etr0"), "etmv4_real": same_programs("etmv4", "tmc_etr0"),
                  "sinks": [every_sink, pause_flushes, newest_is_kept, killed, perf_reads_it, profile, lister_reads_it, check_explains]})
