# SPDX-License-Identifier: MIT
"""AArch64 programs on the emulated machine: the decoded ETE trace against QEMU's own log, by the rules of oracle.py.

The programs are built here, statically, with Debian's cross compiler. perf (with OpenCSD) reads the same captures."""
import json
import os
import re
import shutil
import subprocess
import sys

import autofdo
from common import SKIP, equal, main, need
from oracle import FLOW, block, threads_equal

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")


def build(bench, name, compiler="gcc", source=None):
    program = bench.path(name)
    done = subprocess.run([f"aarch64-linux-gnu-{compiler}", "-O1", "-g", "-static", "-o", program,
                           os.path.join(SOURCES, source or f"{name}.c"), "-lpthread"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    need(done.returncode == 0, f"building {name}:", done.stdout.decode(errors="replace")[-1000:])
    return program


# ---- instructions ----


def flow(bench):
    return block(bench, [build(bench, "flow"), *FLOW])


def exceptions(bench):
    return block(bench, [build(bench, "throws", "g++", "throws.cpp")])


def raised(bench):
    return block(bench, [build(bench, "signals"), "raise", "nested", "longjump"])


def faults(bench):
    return block(bench, [build(bench, "signals"), "segv"], begun=10)


def timer_in_blocks(bench):
    """A timer strikes anywhere, so no second run is alike: against the plugin's log."""
    capture = bench.trace([build(bench, "signals"), "alarm"])
    bench.clean_info(capture)
    equal("decoded digests", bench.digests(capture), bench.plugin_digests())


def threads(bench):
    return threads_equal(bench, [build(bench, "threads")], 5)


# ---- windows ----


def function_windows(bench):
    capture = bench.trace([build(bench, "windows"), "calls", "30"], ["--window", "function=windows:leaf"])
    equal("windows", bench.clean_info(capture)["windows"], 30)
    leaf, size = bench.symbols(bench.path("windows"))["leaf"]
    for sequence in bench.instructions(capture).values():
        equal("windows that begin at the entry", sequence.count(leaf), 30)
        need(all(leaf <= a < leaf + size for a in sequence), "an instruction outside of the window")


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


# ---- OpenCSD's own tool ----


def snapshot(bench):
    """trc_pkt_lister reads the exported snapshot: every instruction, no error."""
    if shutil.which("trc_pkt_lister") is None:
        return "skipped: trc_pkt_lister is not installed (apt-get install libopencsd-bin)"
    capture = bench.trace([build(bench, "windows"), "calls", "30"])
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
    capture = bench.trace([build(bench, "windows"), "calls", "30"])
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
    binary = build(bench, "flow")
    capture = bench.trace([binary, "recursion", "table", "pointers"], status=None)
    _, ours, _ = autofdo.sections(autofdo.exported(bench, capture, binary))
    theirs = autofdo.perf_branches(bench, capture, binary)
    need(len(theirs) > 100, "perf sees few branches:", len(theirs))
    equal("pairs that one side has alone", sorted(set(ours) ^ set(theirs)), [])
    equal("counts that differ", [(p, ours[p], theirs[p]) for p in ours if ours[p] != theirs[p]], [])
    return f"{len(ours)} branches, {sum(ours.values())} times"


if __name__ == "__main__":
    for tool in ("qemu-aarch64", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++"):
        if shutil.which(tool) is None:
            print(f"skipped: no {tool} (apt-get install qemu-user g++-aarch64-linux-gnu)")
            sys.exit(SKIP)
    main({"oracle": [flow, exceptions, raised, faults, timer_in_blocks, threads], "windows": [function_windows, both_processors],
          "perf": [perf_reads_it, snapshot, profile]}, qemu=shutil.which("qemu-aarch64"))
