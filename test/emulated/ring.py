# SPDX-License-Identifier: MIT
"""The flight recorder, and buffers that do not wait: what is kept is a piece of the whole trace
that ends where it should, perf decodes the same, and every loss is told."""
import os
import re
import signal
import subprocess
import time

from common import equal, main, need
from perf import every_instruction

HAS_PERF = subprocess.run("perf version", shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0
ERROR = ["--trigger", "breakpoint:ring:report_error=snapshot"]


def plan(bench, **buffer):
    path = bench.path("plan.toml")
    with open(path, "w", encoding="ascii") as out:
        out.write("plan = 1\n[buffer]\n")
        for key, value in buffer.items():
            out.write(f'{key} = "{value}"\n')
    return path


def pieces(bench, capture, status=0):
    """The kept runs of the only thread, each a list of addresses, in order."""
    out = [[]]
    for line in bench.view("script", "instructions", "--json", capture, status=status).splitlines():
        if '"gap"' in line:
            out.append([])
        elif '"address"' in line:
            out[-1].append(int(re.search(r'"address":"([0-9a-f]+)"', line)[1], 16))
    return [piece for piece in out if piece]


def perf_count(bench, capture):
    """How many instructions perf decodes; None without perf."""
    if not HAS_PERF:
        return None
    done = subprocess.run(["perf", "script", "-i", capture, f"--itrace={every_instruction(bench)}", "-F", "event,ip"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, timeout=240)
    return sum(b"instructions" in line for line in done.stdout.splitlines())


def perf_agrees(bench, capture, count):
    seen = perf_count(bench, capture)
    need(seen in (None, count), f"perf decodes {seen} instructions, tracectl {count}")


def whole(bench, *words):
    """The whole sequence of the same run, in full mode."""
    [sequence] = bench.instructions(bench.trace([bench.program("ring"), *words], name="whole", status=None)).values()
    return sequence


def snapshots(bench):
    """Each error leaves the trace in front of it: a piece of the whole sequence, ended by the call."""
    entry = bench.symbols(bench.program("ring"))["report_error"][0]
    words = ["3", "30000"]
    sequence = whole(bench, *words)
    ends = [i for i, ip in enumerate(sequence) if ip == bench.load_address + entry]
    equal("calls of report_error", len(ends), 3)
    capture = bench.trace([bench.program("ring"), *words], [*ERROR, "--size", "8KiB"])
    info = bench.clean_info(capture, allowed=("overwritten",))
    need(info["loss"]["overwritten"] == 3, "64 KiB were wanted, the ring holds 8: 3 times overwritten")
    kept = pieces(bench, capture, status=4)
    equal("snapshots", len(kept), 3)
    for piece, end in zip(kept, ends):
        need(piece == sequence[end - len(piece):end], f"the {len(piece)} instructions in front of the error")
        need(len(piece) > 5000, "so few instructions:", len(piece))
    equal("instructions", info["instructions"], sum(map(len, kept)))
    need(info["not_kept"] > 0, "info says how much was written over")
    perf_agrees(bench, capture, info["instructions"])
    lines = bench.view("script", "branches", "--last", "3", capture, status=4).splitlines()
    last = [line for line in lines if " ! " not in line][-1]
    need(re.search(r"call .*parse_value.* report_error$", last), "the last branch:", last)


def size(bench):
    """A snapshot is as large as it says, where there is so much."""
    path = bench.path("size.toml")
    with open(path, "w", encoding="ascii") as out:
        out.write('plan = 1\n[[trigger]]\non = "breakpoint:ring:report_error"\ndo = "snapshot"\nsize = "8KiB"\nlimit = 2\n')
    info = bench.clean_info(bench.trace([bench.program("ring"), "5", "100000"], [path]))
    need(16000 <= info["bytes"] <= 16384, "two snapshots of 8 KiB:", info["bytes"])


def at_end(bench):
    """Without snapshots the newest trace is kept: the end of the whole sequence."""
    sequence = whole(bench, "2", "50000")
    capture = bench.trace([bench.program("ring"), "2", "50000"], [plan(bench, mode="ring", size="16KiB")])
    info = bench.clean_info(capture)
    [piece] = pieces(bench, capture)
    need(piece == sequence[-len(piece):], "the end of the sequence")
    need(16000 <= info["bytes"] <= 16384, "a ring of 16 KiB:", info["bytes"])
    perf_agrees(bench, capture, len(piece))


def never_full(bench):
    """A ring that never went round keeps everything."""
    sequence = whole(bench, "1", "10")
    [piece] = pieces(bench, bench.trace([bench.program("ring"), "1", "10"], [plan(bench, mode="ring")]))
    equal("instructions", len(piece), len(sequence))


def pages(bench):
    """One range, or regions in an order of their own: the same trace, also where it wraps."""
    for mode in ("full", "ring"):
        seen = {}
        for layout in ("contiguous", "scatter"):
            path = plan(bench, mode=mode, size="256KiB", pages=layout)
            capture = bench.trace([bench.program("ring"), "1", "1500000"], [path])
            info = bench.clean_info(capture)
            seen[layout] = info["instructions"]
            need(info["bytes"] > (250 if mode == "ring" else 400) * 1024, "it wraps:", info["bytes"])
            if mode == "ring":
                perf_agrees(bench, capture, info["instructions"])
        if mode == "full":
            equal("instructions", seen["scatter"], seen["contiguous"])


def crash(bench):
    """A crash is kept on request, to the last executed branch; another thread's exit is no crash."""
    options = [*ERROR, "--snapshot-on", "crash"]
    capture = bench.trace([bench.program("ring"), "1", "50000", "crash"], options, status=139)
    loud = bench.run([bench.tracectl, "run", "-o", bench.path("loud"), *options, "--", bench.program("ring"), "1", "10", "crash"])
    need(b"died of signal 11" in loud.stderr and b"QEMU's" in loud.stderr, "tracectl names the signal:", loud.stderr)
    equal("snapshots", len(pieces(bench, capture)[-1:]), 1)
    last = bench.view("script", "branches", "--last", "1", capture)
    need("return" in last and "main+" in last, "the last branch:", last)
    perf_agrees(bench, capture, bench.clean_info(capture)["instructions"])
    equal("a run without snapshots says why nothing is there", bench.run(
        [bench.tracectl, "run", "-q", "-o", bench.path("none"), *ERROR, "--", bench.program("ring"), "0"]).stderr,
        b"tracectl: the capture is empty:\n  'breakpoint:ring:report_error' was never hit: it takes the snapshots\n")
    for end in ("exit", "group"):
        capture = bench.trace([bench.program("ring"), "0", "1000", end], options, status=None)
        equal(f"bytes kept of an ordinary end ({end})", bench.clean_info(capture)["bytes"], 0)


def by_signal(bench):
    """SIGUSR2 keeps what a busy and what a blocked program did."""
    for words, blocked in ((["1", "300000000"], False), (["1", "10000", "wait"], True)):
        capture = bench.path("blocked" if blocked else "busy")
        command = [bench.tracectl, "run", "-q", "-o", capture, *ERROR, "--", bench.program("ring"), *words]
        # pylint: disable-next=consider-using-with
        run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               env=bench.env, cwd=bench.scratch)
        if blocked:
            while b"waiting" not in run.stdout.readline():
                pass
        deadline = time.monotonic() + 60
        while not os.path.exists(capture + "/data") or os.path.getsize(capture + "/data") < 700:
            need(time.monotonic() < deadline, "no capture appears")
            time.sleep(0.05)
        time.sleep(1)
        before = os.path.getsize(capture + "/data")
        run.send_signal(signal.SIGUSR2)
        while os.path.getsize(capture + "/data") <= before:
            need(time.monotonic() < deadline, "no snapshot was written")
            time.sleep(0.05)
        if not blocked:
            run.send_signal(signal.SIGTERM)
        run.communicate(b"x")
        info = bench.clean_info(capture)
        need(info["instructions"] > 1000, "instructions:", info["instructions"])
        perf_agrees(bench, capture, info["instructions"])
        if blocked:
            need("syscall" in bench.view("script", "branches", "--last", "1", capture), "ends in read(2)")


def full(bench, on_full, kind):
    capture = bench.trace([bench.program("ring"), "2", "200000"], [plan(bench, size="8KiB", wakeup="8KiB", on_full=on_full)])
    info = bench.clean_info(capture, allowed=(kind,))
    count = info["loss"][kind]
    need(count > 0, f"a buffer of 8 KiB was never full: no {kind}")
    need(kind.encode() in bench.last.stderr, "run tells of it:", bench.last.stderr)
    shown = [line for line in bench.view("script", "branches", capture, status=4 if kind == "truncated" else 0).splitlines()
             if " ! " in line]
    equal(f"{kind} in script", len(shown), count)
    need(f"{kind}" in bench.view("report", capture, status=4), "report tells of it")
    need(f"{kind}" in bench.view("info", "--no-decode", capture, status=4), "info tells of it")
    perf_agrees(bench, capture, info["instructions"])
    # What was kept are true pieces: nothing runs on over a gap.
    equal("decode errors", info["decode_errors"], 0)


def stop(bench):
    """on_full = stop: AUX records with the TRUNCATED flag; perf counts as many."""
    full(bench, "stop", "truncated")
    if not HAS_PERF:
        return
    done = subprocess.run(["perf", "script", "-i", bench.path("capture"), "--itrace=e"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    told = re.search(rb"AUX data lost (\d+) times", done.stdout)
    truncated = bench.info(bench.path("capture"), status=4)["loss"]["truncated"]
    equal("perf's count of lost AUX data", int(told[1]) if told else 0, truncated)


def drop(bench):
    """on_full = drop: OVF packets."""
    full(bench, "drop", "overflow")


if __name__ == "__main__":
    suites = {"snapshots": [snapshots, size, at_end, never_full, pages], "moments": [crash, by_signal], "full": [stop, drop]}
    main(suites, arm=suites)
