# SPDX-License-Identifier: MIT
"""tracectl ctl: a running session is asked, paused, resumed, stopped from outside; what it records is what was asked for."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time

from common import Failure, equal, main, need
from ring import perf_agrees

RING = 'plan = 1\n[buffer]\nmode = "ring"\nsize = "64KiB"\n'


def ctl(bench, what, capture, status=0):
    """The session's answer; the error's text when another status is wanted."""
    done = bench.run([bench.tracectl, "ctl", what, "--json", capture], timeout=20)
    need(done.returncode == status, f"ctl {what}: status {done.returncode}, not {status}: {done.stderr.decode()}")
    return json.loads(done.stdout) if status == 0 else done.stderr.decode()


def send(capture, what):
    """The same without a program in between: a connection that the answer comes on."""
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(20)
    line.connect(f"{capture}/control")
    line.sendall(what.encode() + b"\n")
    return line


def answer(line):
    with line, line.makefile("r", encoding="utf-8") as text:
        return json.loads(text.readline())


@contextlib.contextmanager
def session(bench, options, command, name="capture"):
    """(process, capture): a session whose program has begun. At the end of the block it must not be left."""
    capture = bench.path(name)
    # pylint: disable-next=consider-using-with
    run = subprocess.Popen([bench.tracectl, "run", "-q", "-o", capture, *options, "--", *command], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=bench.env, cwd=bench.scratch)
    try:
        wait_for(lambda: os.path.exists(f"{capture}/control") and ctl(bench, "status", capture)["threads"],
                 "the session's first thread")
        yield run, capture
    finally:
        if run.poll() is None:
            run.kill()
        with contextlib.suppress(FileNotFoundError):
            os.remove(bench.path("goes-on"))  # the program holds our pipes
        run.communicate(timeout=60)


def wait_for(condition, words, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        need(time.monotonic() < deadline, "in vain:", words)
        time.sleep(0.05)


def hand(bench, *words):
    """(command, end): the program, and what ends it."""
    file = bench.path("goes-on")
    with open(file, "w", encoding="ascii"):
        pass
    return [bench.program("hand"), file, *words], lambda: os.remove(file)


def traced(bench, capture):
    return sum(t["bytes"] for t in ctl(bench, "status", capture)["threads"])


def grows(bench, capture):
    before = traced(bench, capture)
    wait_for(lambda: traced(bench, capture) > before + 5000, "more trace")


def stands(bench, capture):
    before = traced(bench, capture)
    time.sleep(0.5)
    equal("bytes of trace during a pause", traced(bench, capture), before)
    equal("state", ctl(bench, "status", capture)["state"], "paused")


def finish(run, end, status=0):
    end()
    out, err = run.communicate(timeout=60)
    need(run.returncode == status, f"status {run.returncode}: {err.decode()}")
    return out.decode(), err.decode()


def two_threads(bench):
    """Both are paused, and go on."""
    command, end = hand(bench, "threads")
    with session(bench, [], command) as (run, capture):
        wait_for(lambda: len(ctl(bench, "status", capture)["threads"]) == 2, "two threads")
        grows(bench, capture)
        answer = ctl(bench, "pause", capture)
        equal("paused", (answer["threads"], answer["waiting"]), (2, 0))
        stands(bench, capture)
        equal("by hand", ctl(bench, "status", capture)["by_hand"], "pause")
        ctl(bench, "pause", capture)
        stands(bench, capture)
        equal("resumed", ctl(bench, "resume", capture)["threads"], 2)
        grows(bench, capture)
        equal("states", {t["state"] for t in ctl(bench, "status", capture)["threads"]}, {"running"})
        finish(run, end)
        info = bench.clean_info(capture)
        need(info["instructions"] > 10000, "instructions:", info["instructions"])
        equal("windows: a hand makes none", info["windows"], 0)
        perf_agrees(bench, capture, info["instructions"])
        need(not os.path.exists(f"{capture}/control"), "the socket is left")


def no_system_calls(bench):
    """A thread that only computes is reached too, paused as well as traced."""
    with session(bench, [], [bench.program("ring"), "1", "4000000000"]) as (run, capture):
        for _ in range(3):
            grows(bench, capture)
            equal("waiting", ctl(bench, "pause", capture)["waiting"], 0)
            stands(bench, capture)
            equal("waiting", ctl(bench, "resume", capture)["waiting"], 0)
        finish(run, lambda: run.send_signal(signal.SIGTERM), 143)
        perf_agrees(bench, capture, bench.clean_info(capture)["instructions"])


def sparse(bench):
    """Where code that nobody watches tells us nothing, a resume is heard at the next system call, and later ones at once."""
    bench.change_translation(100)
    command, end = hand(bench)
    with session(bench, ["--start", "paused", "--trigger", "breakpoint:hand:never=resume"], command) as (run, capture):
        stands(bench, capture)
        equal("trace", traced(bench, capture), 0)
        for _ in range(2):
            ctl(bench, "resume", capture)
            grows(bench, capture)
            ctl(bench, "pause", capture)
            stands(bench, capture)
        finish(run, end)
        perf_agrees(bench, capture, bench.clean_info(capture)["instructions"])


def within_windows(bench):
    """The plan's triggers go on acting; a window that a hand cuts is counted as cut, and a hand opens none."""
    command, end = hand(bench)
    with session(bench, ["--window", "function=hand:step"], command) as (run, capture):
        grows(bench, capture)
        asked, cut, deadline = 0, 0, time.monotonic() + 60
        while asked < 20 or cut == 0:  # one that falls into a window cuts it
            need(time.monotonic() < deadline, f"none of {asked} pauses cut a window")
            ctl(bench, "pause", capture)
            ctl(bench, "resume", capture)
            asked += 1
            cut = ctl(bench, "status", capture)["loss"]["split_window"]
        grows(bench, capture)
        ctl(bench, "pause", capture)
        grows(bench, capture)  # the next window resumes
        finish(run, end)
        info = bench.clean_info(capture, allowed=("split_window",))
        recorded = json.load(open(f"{capture}/capture.json", encoding="utf-8"))  # pylint: disable=consider-using-with
        need(cut <= info["loss"]["split_window"] <= asked + 1, "windows cut:", cut, info["loss"]["split_window"])
        need(abs(recorded["windows"] - info["windows"]) <= asked + 1, "windows told and read:", recorded["windows"], info["windows"])


def children(bench):
    """Processes that begin during a pause begin paused, and those behind a resume traced."""
    file = bench.path("goes-on")
    with open(file, "w", encoding="ascii"):
        pass
    with session(bench, [], ["/bin/sh", "-c", f"while [ -e {file} ]; do /bin/true; (:); done"]) as (run, capture):
        wait_for(lambda: ctl(bench, "status", capture)["threads_ended"] > 4, "children")
        for _ in range(10):  # each falls somewhere else into the life of a child: also between an exec and its program's begin
            pause, status = send(capture, "pause"), send(capture, "status")  # the second is looked at directly behind the first
            began = answer(status)
            equal("ok", answer(pause)["ok"], True)
            known, newcomers = {t["pid"] for t in began["threads"]}, set()
            while len(newcomers) < 4:
                for t in answer(send(capture, "status"))["threads"]:
                    if t["pid"] not in known:
                        newcomers.add(t["pid"])
                        equal("bytes of trace of a process that began in the pause", t["bytes"], 0)
            before = ctl(bench, "status", capture)["trace_bytes"]
            # What lived already is written at its end; /bin/true has 4 KiB, and began in the pause.
            lived = sum(t["bytes"] for t in began["threads"][1:])
            need(before - began["trace_bytes"] < lived + 1000, "trace written in a pause:", before - began["trace_bytes"], lived)
            ctl(bench, "resume", capture)
            wait_for(lambda: ctl(bench, "status", capture)["trace_bytes"] > before + 5000, "trace of children")
        finish(run, lambda: os.remove(file))
        bench.clean_info(capture)


def snapshot(bench):
    """As SIGUSR2; a mode that keeps everything refuses."""
    with open(bench.path("ring.toml"), "w", encoding="ascii") as out:
        out.write(RING + '[[trigger]]\non = "breakpoint:hand:never"\ndo = "snapshot"\n')
    command, end = hand(bench)
    with session(bench, [bench.path("ring.toml")], command) as (run, capture):
        kept = 0
        for _ in range(3):
            grows(bench, capture)
            kept += ctl(bench, "snapshot", capture)["bytes"]
        status = ctl(bench, "status", capture)
        equal("snapshots", (status["snapshots"], status["mode"]), (3, "ring"))
        finish(run, end)
        info = bench.clean_info(capture)
        need(kept > 5000, "kept:", kept)
        equal("trace written", status["trace_bytes"], kept)
        need(0 <= info["bytes"] - kept <= 3 * 7, "bytes, each piece padded to 8:", info["bytes"], kept)
        perf_agrees(bench, capture, info["instructions"])
    command, end = hand(bench)
    with session(bench, [], command, "full") as (run, capture):
        need("keeps everything" in ctl(bench, "snapshot", capture, status=2), "in words")
        finish(run, end)


def stop(bench):
    """The session ends at once and its capture is whole; the program goes on, and its status is run's."""
    command, end = hand(bench, "threads")
    with session(bench, [], command) as (run, capture):
        grows(bench, capture)
        text = bench.view("ctl", "stop", capture)
        need("stopped" in text and "runs on" in text, "ctl stop says:", text)
        wait_for(lambda: not os.path.exists(f"{capture}/control"), "the socket's end")
        wait_for(lambda: bench.run([bench.tracectl, "info", "--no-decode", capture]).returncode == 0, "a whole capture", 10)
        need(run.poll() is None, "the program went on")
        before = bench.clean_info(capture)
        perf_agrees(bench, capture, before["instructions"])
        size = os.path.getsize(f"{capture}/data")
        need("no session runs" in ctl(bench, "status", capture, status=1), "it is over")
        out, err = finish(run, end)
        need(re.match(r"rounds \d+ \d+$", out.strip()), "the program's end:", out)
        need("stopped by tracectl ctl stop" in err, "run says why:", err)
        equal("size of the file", os.path.getsize(f"{capture}/data"), size)
        equal("instructions", bench.clean_info(capture)["instructions"], before["instructions"])


def killed(bench):
    """What a kill -9 leaves is told, and disturbs nobody."""
    command, end = hand(bench)
    with session(bench, [], command) as (run, capture):
        grows(bench, capture)
        run.kill()
        run.wait()
        end()
        need(os.path.exists(f"{capture}/control"), "a kill leaves the socket: this tests nothing")
        need("left by a tracectl that was killed" in ctl(bench, "status", capture, status=1), "in words")
        bench.view("info", "--no-decode", capture, status=4)
        bench.view("repair", capture)
        perf_agrees(bench, capture, bench.info(capture, status=4)["instructions"])
        command, end = hand(bench)
        end()
        bench.view("run", "-q", "-o", capture, "--", *command)  # and moves away, as any capture


def refused(bench):
    """Another user, no capture, no such word."""
    need("is no capture" in ctl(bench, "status", bench.scratch, status=1), "no capture")
    need("cannot open" in ctl(bench, "status", bench.path("nothing"), status=1), "nothing")
    need("snapshot" in bench.run([bench.tracectl, "ctl", "bogus"]).stderr.decode(), "the words that there are")
    equal("status of no such word", bench.run([bench.tracectl, "ctl", "bogus"]).returncode, 2)
    if os.geteuid() != 0:
        return "skipped: another user needs root"
    command, end = hand(bench)
    with session(bench, [], command) as (run, capture):
        words = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", bench.tracectl, "ctl", "stop", capture]
        for mode in (0o700, 0o755):
            for path in (bench.scratch, capture):
                os.chmod(path, mode)
            done = bench.run(words)
            if b"setpriv" in done.stderr:
                raise Failure(done.stderr.decode())
            equal("status for another user", done.returncode, 1)
            need(b"Permission denied" in done.stderr and b"root" in done.stderr, "in words:", done.stderr)
        finish(run, end)


if __name__ == "__main__":
    main({"acts": [two_threads, no_system_calls, sparse, within_windows, children, snapshot], "ends": [stop, killed, refused]},
         arm={"acts": [two_threads, no_system_calls, sparse, within_windows, snapshot], "ends": [stop, killed]})
