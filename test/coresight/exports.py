# SPDX-License-Identifier: MIT
"""Exports of captures that nobody here made: simpleperf's own AutoFDO text of its own capture, and snapshot directories that
OpenCSD's trc_pkt_lister reads as it reads what they were made from.

usage: exports.py --tracectl FILE --shared DIR --reader FILE"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

import branch_lists

SKIP = 77
# Snapshots with one trace buffer and code of one program: what a snapshot of ours can hold as it is.
REAL = ("juno-uname-002", "TC2", "Snowball", "trace_cov_a15", "ete_spec_1", "ete_spec_2", "ts_marker")


def run(*command, wanted=(0, 4)):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=300)
    if done.returncode not in wanted:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}: {done.stderr.decode(errors='replace')[-800:]}")
    return done.stdout.decode(errors="replace")


def need(condition, *words):
    if not condition:
        raise AssertionError(" ".join(str(w) for w in words))


def profile(options, scratch):
    """The same ranges with the same counts; the same branches where simpleperf tells their targets."""
    folder = os.path.join(options.shared, "data/coresight/simpleperf")
    out = os.path.join(scratch, "profile.txt")
    run(options.tracectl, "export", "--to", "autofdo", "--binary", f"{folder}/etm_test_loop", "--symfs", folder, "-o", out,
        f"{folder}/perf_etm.data")
    with open(out, encoding="ascii") as text, open(f"{folder}/perf_inject.data", encoding="ascii") as theirs:
        ours, wanted = text.read().splitlines(), theirs.read().splitlines()
    count = int(wanted[0])
    need(count > 5 and ours[:count + 2] == wanted[:count + 2], "ranges:", ours[:count + 2], "wanted", wanted[:count + 2])
    known = sorted(line for line in wanted if re.match(r"[0-9a-f]+->[0-9a-f]+:", line) and "->0:" not in line)
    mine = [line for line in ours if "->" in line]
    need(known and set(known) <= set(mine), "branches:", mine, "wanted", known)
    # simpleperf writes 0 for the target of an indirect branch.
    sources = {line.split("->")[0] for line in wanted if "->0:" in line}
    others = [line for line in mine if line not in known]
    need(all(line.split("->")[0] in sources for line in others), "branches that simpleperf has not:", others)
    return f"{count} ranges, {len(mine)} branches"


def pairs(lines, between):
    """{(from, to): count} of the lines of one section."""
    found = (re.match(rf"([0-9a-f]+){between}([0-9a-f]+):(\d+)$", line) for line in lines)
    return {(int(m[1], 16), int(m[2], 16)): int(m[3]) for m in found if m}


def simpleperfs(options):
    """simpleperf's own text of its own capture: ranges, branches (0: the target of an indirect one)."""
    with open(os.path.join(options.shared, "data/coresight/simpleperf/perf_inject.data"), encoding="ascii") as text:
        lines = text.read().splitlines()
    return pairs(lines, "-"), pairs(lines, "->")


def branch_list(options, scratch):
    """What we write of simpleperf's capture is, by simpleperf's schema and walked as simpleperf walks it, simpleperf's own
    profile of it."""
    folder = os.path.join(options.shared, "data/coresight/simpleperf")
    binary, out = f"{folder}/etm_test_loop", os.path.join(scratch, "x.branch_list")
    run(options.tracectl, "export", "--to", "branch-list", "--binary", binary, "--symfs", folder, "-o", out,
        f"{folder}/perf_etm.data")
    with open(out, "rb") as file:
        ((path, build_id, lists),) = branch_lists.decode(file.read())
    need(path == binary and len(build_id) == 32, "the binary:", path, build_id)
    walked, wanted = branch_lists.walk(branch_lists.code(binary), lists), simpleperfs(options)
    need(len(wanted[0]) == 10 and walked == wanted, "ranges and branches:", walked, "wanted", wanted)
    return f"{len(wanted[0])} ranges, {len(wanted[1])} branches"


def branch_list_read(options, scratch):
    """A list as simpleperf makes it of the trace's packets, written by protoc, in both forms of the file."""
    folder = os.path.join(options.shared, "data/coresight/simpleperf")
    binary, loaded = f"{folder}/etm_test_loop", 0x582b2b0000
    packets = run(options.tracectl, "script", "packets", "--symfs", folder, f"{folder}/perf_etm.data")
    place = lambda address: address - loaded if 0 <= address - loaded < 0x10000 else None
    lists = branch_lists.lists_of(packets, place)
    longest = max(len(atoms) for there in lists.values() for atoms in there)
    need(longest > 100, "only short lists:", lists)
    # simpleperf's 20 bytes of the build-id.
    of_file = "/data/local/tmp/etm_test_loop", "0c9a20bf9c009d0e4e8bbf9fad0300ae00000000"
    forms = {"one": branch_lists.encode(*of_file, lists),
             "parts": branch_lists.in_parts([branch_lists.encode(*of_file, {a: l}, magic=False) for a, l in lists.items()])}
    ranges, branches = simpleperfs(options)
    told = {pair: count for pair, count in branches.items() if pair[1] != 0}
    for name, data in forms.items():
        path = os.path.join(scratch, name)
        with open(path, "wb") as file:
            file.write(data)
        lines = run(options.tracectl, "merge", "--binary", binary, path).splitlines()
        need((pairs(lines, "-"), pairs(lines, "->")) == (ranges, told), f"{name}:", lines, "wanted", ranges, told)
    return f"{sum(map(len, lists.values()))} lists, the longest of {longest} atoms"


def ranges(snapshot):
    """Every range of instructions that trc_pkt_lister finds, by trace id."""
    text = run("trc_pkt_lister", "-ss_dir", snapshot, "-decode_only", "-logstdout")
    return sorted(re.findall(r"ID:(\w+);.*OCSD_GEN_TRC_ELEM_INSTR_RANGE\(exec range=(0x\w+:\[0x\w+\]).*num_i\((\d+)\)", text))


def of_perf_data(options, scratch):
    folder, made = os.path.join(options.shared, "data/coresight/simpleperf"), os.path.join(scratch, "simpleperf")
    run(options.tracectl, "export", "--to", "snapshot", "-o", made, "--symfs", folder, f"{folder}/perf_etm.data")
    found = ranges(made)
    report = run(options.tracectl, "report", "--json", "--symfs", folder, f"{folder}/perf_etm.data")
    wanted = int(re.search(r'"instructions": *(\d+)', report)[1])
    need(sum(int(n) for _, _, n in found) == wanted > 900, "instructions:", sum(int(n) for _, _, n in found), "wanted", wanted)
    return f"{wanted} instructions"


def of_snapshots(options, scratch):
    seen = 0
    for name in REAL:
        source, made = os.path.join(options.shared, "data/coresight/opencsd/snapshots", name), os.path.join(scratch, name)
        run(options.tracectl, "export", "--to", "snapshot", "-o", made, source)
        wanted, found = ranges(source), ranges(made)
        need(wanted and found == wanted, f"{name}: {len(found)} ranges, wanted {len(wanted)}; first differences:",
             [pair for pair in zip(found, wanted) if pair[0] != pair[1]][:3])
        seen += len(wanted)
    return f"{len(REAL)} snapshots, {seen} ranges"


def refusals(options, scratch):
    folder = os.path.join(options.shared, "data/coresight/simpleperf")
    run(options.tracectl, "export", "--to", "snapshot", f"{folder}/perf_etm.data", wanted=(2,))
    there = os.path.join(scratch, "there")
    os.mkdir(there)
    run(options.tracectl, "export", "--to", "snapshot", "-o", there, f"{folder}/perf_etm.data", wanted=(1,))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tracectl", required=True)
    parser.add_argument("--shared", required=True)
    options = parser.parse_args()
    options.shared = os.environ.get("TRACECTL_SHARED") or options.shared
    if not os.path.isdir(os.path.join(options.shared, "data/coresight")):
        print("skipped: no captures at ../shared/data/coresight or below TRACECTL_SHARED")
        sys.exit(SKIP)
    failed = False
    for case in (profile, branch_list, branch_list_read, of_perf_data, of_snapshots, refusals):
        if case in (of_perf_data, of_snapshots) and shutil.which("trc_pkt_lister") is None:
            print(f"{case.__name__}: skipped: trc_pkt_lister is not installed (apt-get install libopencsd-bin)")
            continue
        if case in (branch_list, branch_list_read) and branch_lists.missing():
            print(f"{case.__name__}: {branch_lists.missing()}")
            continue
        with tempfile.TemporaryDirectory(prefix="tracectl-coresight-") as scratch:
            try:
                print(f"{case.__name__}: ok ({case(options, scratch) or ''})", flush=True)
            except (AssertionError, ValueError, IndexError, TypeError) as why:
                failed = True
                print(f"{case.__name__}: FAILED: {why}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
