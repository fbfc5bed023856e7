# SPDX-License-Identifier: MIT
"""The plugin under a QEMU with plugin API 2 or later (QEMU 9), which Debian 12 does not have:
TRACECTL_TEST_QEMU=/path/to/qemu-x86_64 names one. The same instructions as in that QEMU's own log."""
import os
import shutil
import subprocess
import sys

from common import SKIP, equal, main, need
from oracle import FLOW, threads_equal


def flow(bench):
    return threads_equal(bench, [bench.program("flow"), *FLOW], status=None)


def flow_static(bench):
    return threads_equal(bench, [bench.program("flow_static_pie"), *FLOW], status=None)


def exceptions(bench):
    return threads_equal(bench, [bench.program("throws")])


def threads(bench):
    return threads_equal(bench, [bench.program("threads"), "twice"], 9)


def pipeline(bench):
    capture = bench.trace(["/bin/bash", "-c", "seq 1 300 | sort -rn | head -n 1"])
    equal("output", bench.last.stdout, b"300\n")
    info = bench.clean_info(capture)
    need(info["threads"] >= 4, "threads:", info["threads"])
    equal("digests", bench.digests(capture), bench.plugin_digests())


def python(bench):
    if not shutil.which("python3", path=bench.env["PATH"]):
        return "skipped: no python3"
    code = "import threading as t; l=[t.Thread(target=lambda: sum(range(999))) for i in range(4)]; [x.start() for x in l]"
    capture = bench.trace(["python3", "-c", code])
    equal("threads", bench.clean_info(capture)["threads"], 5)
    equal("digests", bench.digests(capture), bench.plugin_digests())


if __name__ == "__main__":
    given = os.environ.get("TRACECTL_TEST_QEMU")
    if not given:
        print("skipped: TRACECTL_TEST_QEMU names no QEMU 9 or later")
        sys.exit(SKIP)
    print(subprocess.run([given, "--version"], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()[0])
    main({"newer": [flow, flow_static, exceptions, threads, pipeline, python]}, given)
