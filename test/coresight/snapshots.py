#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Snapshots of real boards and of Arm's models: the numbers of instructions and of places without memory are those of
OpenCSD's own lister, and so is every range that a snapshot's lister prints, address by address. The flow decoder gives
what the reference decoder gives.

usage: snapshots.py --tracectl PROGRAM --shared DIR       exit 77: the snapshots are not there
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
VERSION = "1.3.3"  # the column of EXPECTED.tsv
RICSECLAB = {"branches": 74912, "fib": 77438}
RANGE = re.compile(r"ID:([0-9a-f]+); OCSD_GEN_TRC_ELEM_INSTR_RANGE\(exec range=0x([0-9a-f]+):\[0x([0-9a-f]+)\] num_i\((\d+)\)")


def run(*words, good=(0, 4)):
    done = subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    if done.returncode not in good:
        raise AssertionError(f"{' '.join(map(str, words))}: {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="replace")


def info(tracectl, path):
    return json.loads(run(tracectl, "info", "--json", path))


def expected(table):
    lines = [line.split("\t") for line in table.read_text().splitlines() if not line.startswith("#")]
    rows = [dict(zip(lines[0], line)) for line in lines[1:]]
    return {row["snapshot"]: row for row in rows if row["opencsd"] == VERSION}


def same(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: got {got}, wanted {wanted}")
    print(f"ok   {what}: {got}")


def counts(tracectl, root):
    for name, row in sorted(expected(root / "EXPECTED.tsv").items()):
        path = root / "snapshots" / name
        if not path.is_dir():
            print(f"skip {name}: not there")
            continue
        got = info(tracectl, path)
        # rme_test has three buffers of which the lister takes the first.
        if name == "rme_test":
            first_buffer(tracectl, path, row)
            continue
        same(f"{name} instructions", got["instructions"], int(row["instructions"]))
        same(f"{name} places without memory", got["decode_errors"], int(row["addr_nacc"]))


def first_buffer(tracectl, path, row):
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch) / "snapshot"
        shutil.copytree(path, copy)
        os.chmod(copy, 0o755)
        trace = copy / "trace.ini"
        text = trace.read_text()
        os.chmod(trace, 0o644)
        trace.write_text(text.replace("buffers=buffer1,buffer2,buffer3", "buffers=buffer1"))
        got = info(tracectl, copy)
    same("rme_test's first buffer, instructions", got["instructions"], int(row["instructions"]))
    same("rme_test's first buffer, places without memory", got["decode_errors"], int(row["addr_nacc"]))


def addresses(tracectl, path):
    """Every instruction's address of A64 code, in order, against the ranges of the lister."""
    lister = shutil.which("trc_pkt_lister")
    if lister is None:
        print("skip ranges: no trc_pkt_lister")
        return
    with tempfile.TemporaryDirectory() as scratch:
        log = pathlib.Path(scratch) / "log"
        run(lister, "-ss_dir", path, "-decode", "-logfilename", log)
        wanted = []
        for _, begin, end, count in RANGE.findall(log.read_text(errors="replace")):
            begin, end = int(begin, 16), int(end, 16)
            if (end - begin) // 4 != int(count):
                raise AssertionError(f"{path}: the lister's range {begin:x} is no A64 code")
            wanted += range(begin, end, 4)
    listed = run(tracectl, "script", "instructions", "--raw", path).split("\n")
    got = [int(line.split()[1], 16) for line in listed if line]
    if got != wanted:
        at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
        raise AssertionError(f"{path}: {len(got)} instructions of {len(wanted)}; the first that differs is {at}")
    print(f"ok   {path.name}: {len(got)} addresses as the lister has them")


def both_decoders(tracectl, path, *, left=None):
    """Each item by the flow decoder as by the reference; `left`: the pieces that it may leave to OpenCSD."""
    compare = pathlib.Path(tracectl).parent / "flow_compare"
    if not compare.is_file():
        print("skip both decoders: no flow_compare beside tracectl")
        return
    items, _, _, by_opencsd = map(int, run(compare, path, good=(0,)).split())
    if left is not None:
        same(f"{path.parent.name}/{path.name} left to OpenCSD", by_opencsd, left)
    print(f"ok   {path.parent.name}/{path.name}: {items} items by both decoders, {by_opencsd} times OpenCSD's")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tracectl", required=True)
    parser.add_argument("--shared", required=True)
    args = parser.parse_args()
    root = pathlib.Path(os.environ.get("TRACECTL_SHARED", args.shared)) / "data" / "coresight"
    if not (root / "opencsd" / "EXPECTED.tsv").is_file():
        print(f"skipped: no snapshots under {root}")
        return SKIP
    counts(args.tracectl, root / "opencsd")
    for name in ("ete_spec_1", "ete_spec_2", "ete_spec_3", "ts_marker", "a57_single_step", "test-file-mem-offsets"):
        addresses(args.tracectl, root / "opencsd" / "snapshots" / name)
    for path in sorted((root / "opencsd" / "snapshots").iterdir()):
        both_decoders(args.tracectl, path)
    for program, instructions in RICSECLAB.items():
        for trace in sorted((root / "ricseclab" / program).glob("trace*")):
            got = info(args.tracectl, trace)
            same(f"{program}/{trace.name} instructions", got["instructions"], instructions)
            same(f"{program}/{trace.name} errors", got["decode_errors"], 0)
            addresses(args.tracectl, trace)
            both_decoders(args.tracectl, trace, left=0)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AssertionError as failure:
        print(f"FAILED {failure}")
        sys.exit(1)
