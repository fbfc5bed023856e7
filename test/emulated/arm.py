# SPDX-License-Identifier: MIT
"""AArch64 programs on the emulated machine, what is not in the suites that know `--arm`: one plan on both processors, and
what perf (with OpenCSD) and OpenCSD's own tool read in the captures."""
import json
import os
import re
import shutil

import autofdo
from common import SOURCES, equal, main, need
from oracle import block, threads_equal

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")


def both_processors(bench):
    """One plan, two builds: the same windows."""
    seen = {}
    for compiler, qemu in (("aarch64-linux-gnu-gcc", "qemu-aarch64"), ("gcc", "qemu-x86_64")):
        source, program = os.path.join(EXAMPLES, "calls.c"), bench.path("calls")
        done = bench.run([compiler, "-g", "-O1", "-static", "-o", program, source])
        need(done.returncode == 0, f"{compiler}:", done.stderr.decode(errors="replace")[-500:])
        capture = bench.path(qemu)
        env = bench.env | {"TRACECTL_QEMU": shutil.which(qemu)}
        done = bench.run([bench.tracectl, "run", "-q", "-o", capture, os.path.join(EXAMPLES, "calls.toml"), "--", program], env)
        equal(f"status with {qemu}", done.returncode, 0)
        bench.clean_info(capture)
        report = json.loads(bench.view("report", "--json", capture))
        seen[qemu] = [(w["name"], w["count"]) for w in report["windows"]]
    equal("windows", seen["qemu-aarch64"], seen["qemu-x86_64"])
    equal("windows", seen["qemu-aarch64"], [("work", 20)])


# ---- programs as Debian has them ----


def debian(bench):
    """Where they are; QEMU and tracectl find their libraries there. None where they cannot be fetched."""
    place = os.path.join(bench.programs, "debian-arm64")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "arm_programs.sh")
    if bench.run(["sh", script, place]).returncode != 0:
        return None
    bench.env["QEMU_LD_PREFIX"] = place
    return place


NOT_FETCHED = "skipped: Debian's packages for arm64 could not be fetched"


def xz(bench):
    """Against QEMU's log; and more than a log can hold, against the plugin's own digest."""
    place = debian(bench)
    if place is None:
        return NOT_FETCHED
    with open(bench.tracectl, "rb") as file:
        data = file.read(30000)
    command = [os.path.join(place, "usr/bin/xz"), "-0", "-T1", "-c"]
    words = block(bench, command, stdin=data[:3000], sequence=False)
    with open(os.path.join(bench.path("capture"), "data"), "rb") as file:
        interpreter = os.path.realpath(place + "/lib/ld-linux-aarch64.so.1").encode() + b"\0"
        need(interpreter in file.read(), "no record of the interpreter, which is", interpreter)
    bench.trace([*command[:1], "-6", *command[2:]], stdin=data)
    logged = bench.plugin_digests()
    equal("decoded digests", bench.digests(bench.path("capture")), logged)
    bench.clean_info(bench.path("capture"))
    return f"{words}; {logged[0][1]} instructions"


def sqlite(bench):
    place = debian(bench)
    if place is None:
        return NOT_FETCHED
    query = b"CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL);\n" \
            b"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<300) " \
            b"INSERT INTO t SELECT i, 'row ' || (i*7919 % 3001), i/7.0 FROM n;\n" \
            b"SELECT a % 10, avg(c), max(b) FROM t GROUP BY 1 ORDER BY 2 DESC;\n"
    return block(bench, [os.path.join(place, "usr/bin/sqlite3"), ":memory:"], stdin=query, sequence=False)


def dynamic_threads(bench):
    """Its threads throw; the dynamic linker is Debian's (with the cross package's one, programs with threads hang in QEMU)."""
    place = debian(bench)
    if place is None:
        return NOT_FETCHED
    program = bench.path("throwing_threads")
    done = bench.run(["aarch64-linux-gnu-g++", "-O1", "-g", "-o", program, os.path.join(SOURCES, "throwing_threads.cpp"), "-lpthread"])
    equal("the compiler's status", done.returncode, 0)
    return threads_equal(bench, [program], 4)


def threads_that_throw(bench):
    return threads_equal(bench, [bench.program("throwing_threads")], 4)


def no_dynamic_linker(bench):
    """Said before the program starts, with what to install."""
    program = bench.path("homeless")
    done = bench.run(["aarch64-linux-gnu-gcc", "-o", program, os.path.join(SOURCES, "threads.c"), "-lpthread",
                      "-Wl,--dynamic-linker=/nowhere/ld.so"])
    equal("the compiler's status", done.returncode, 0)
    bench.trace([program], status=3)
    said = bench.last.stderr.decode()
    need("/nowhere/ld.so" in said and "libc6-arm64-cross" in said, "in words:", said)
    need(not os.path.exists(bench.path("capture")), "a capture of a program that did not start")


# ---- OpenCSD's own tool ----


def snapshot(bench):
    """trc_pkt_lister reads the exported snapshot: every instruction, no error."""
    if shutil.which("trc_pkt_lister") is None:
        return "skipped: trc_pkt_lister is not installed (apt-get install libopencsd-bin)"
    capture = bench.trace([bench.program("windows"), "calls", "30"])
    out = bench.path("snapshot")
    bench.view("export", "--to", "snapshot", "-o", out, capture)
    done = bench.run(["trc_pkt_lister", "-ss_dir", out, "-decode_only", "-logstdout"])
    text = done.stdout.decode()
    equal("errors", re.findall(r"^.*(?:ERROR|BAD_|NO_SYNC.*(?:error|discard)|ADDR_NACC).*$", text, re.M), [])
    found = sum(int(n) for n in re.findall(r"INSTR_RANGE.*num_i\((\d+)\)", text))
    equal("instructions", found, sum(map(len, bench.instructions(capture).values())))
    return f"{found} instructions"


# ---- perf ----


def perf_reads_it(bench):
    """Every instruction, as OpenCSD inside perf tells them."""
    if not shutil.which("perf") or bench.run(["perf", "version"]).returncode != 0:
        return "skipped: perf is not installed (apt-get install linux-perf)"
    capture = bench.trace([bench.program("windows"), "calls", "30"])
    (ours,) = bench.instructions(capture).values()
    done = bench.run(["perf", "script", "-i", capture, "--itrace=i1i", "-F", "tid,event,ip"])
    equal("perf's status", done.returncode, 0)
    perfs = [int(words[2], 16) for words in map(str.split, done.stdout.decode().splitlines())
             if len(words) == 3 and words[1].startswith("instructions")]
    equal("instructions", perfs, ours)
    return f"{len(ours)} instructions"


def profile(bench):
    """export --to autofdo: every branch pair as often as perf has it."""
    if not shutil.which("perf") or bench.run(["perf", "version"]).returncode != 0:
        return "skipped: perf is not installed (apt-get install linux-perf)"
    binary = bench.program("flow")
    capture = bench.trace([binary, "recursion", "table", "pointers"], status=None)
    _, ours, _ = autofdo.sections(autofdo.exported(bench, capture, binary))
    theirs = autofdo.perf_branches(bench, capture, binary)
    need(len(theirs) > 100, "perf sees few branches:", len(theirs))
    equal("pairs that one side has alone", sorted(set(ours) ^ set(theirs)), [])
    equal("counts that differ", [(p, ours[p], theirs[p]) for p in ours if ours[p] != theirs[p]], [])
    return f"{len(ours)} branches, {sum(ours.values())} times"


if __name__ == "__main__":
    main({}, arm={"real": [xz, sqlite, threads_that_throw, dynamic_threads], "both": [both_processors, no_dynamic_linker], "perf": [perf_reads_it, snapshot, profile]})
