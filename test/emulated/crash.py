# SPDX-License-Identifier: MIT
"""What is written survives a crash of tracectl, of QEMU, or of both, at any moment; a full disk;
a file that lacks its end. `repair` makes perf read what is left.

The moments are random, from TRACECTL_CRASH_SEED (default 1)."""
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import time

from common import equal, main, need
from perf import perf_instructions

SEED = int(os.environ.get("TRACECTL_CRASH_SEED", "1"))
STEPS = 150  # of the program, about a millisecond each
PLAN = '''plan = 1
[buffer]
size = "64KiB"
data = "64KiB"
wakeup = "4KiB"
'''
WINDOW = '''[[window]]
function = "steps:work"
'''
# What perf says of CoreSight's trace that was not written: none at all, or the last that its record tells of.
WHAT_LACKS = ("CS ETM warning: Coresight decode and TRBE support requires random file access.",
              "Continuing with best effort decoding in piped mode.", "CS ETM: Couldn't find auxtrace buffer")
DEADLINE = 60  # seconds; only a hang is as slow


def have_perf(bench):
    return shutil.which("perf") and bench.run(["perf", "version"]).returncode == 0


def ours(bench):
    """Pids of the processes that run under this bench: its scratch directory is in their command line or environment."""
    mark, found = bench.scratch.encode(), []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read()
            with open(f"/proc/{name}/stat", "rb") as file:
                state = file.read().rsplit(b")", 1)[1].split()[0]
        except OSError:
            continue
        if mark in words and state != b"Z":
            found.append(int(name))
    return found


def wait_for_end(bench, what):
    end = time.monotonic() + DEADLINE
    while (left := ours(bench)) and time.monotonic() < end:
        time.sleep(0.02)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    need(not left, f"{what}: processes {left} still run after {DEADLINE} seconds")


def traces_left():
    """Names that a session could leave outside of its capture."""
    return {os.path.join(place, name) for place in ("/dev/shm", "/tmp") for name in os.listdir(place)
            if "tracectl" in name and not name.startswith(("tracectl-emulated-", "tracectl-test-"))}


class Run:
    """A program under tracectl, not waited for."""

    def __init__(self, bench, words, plan=PLAN, capture="capture"):
        self.bench, self.capture = bench, bench.path(capture)
        with open(bench.path("plan.toml"), "w", encoding="ascii") as file:
            file.write(plan)
        self.program = bench.path("steps")
        if not os.path.exists(self.program):
            shutil.copy(bench.program("steps"), self.program)
        self.out = open(bench.path("out"), "wb")
        self.err = open(bench.path("err"), "wb")
        env = {k: v for k, v in bench.env.items() if k != "TRACECTL_TEST_LOG"}
        self.process = subprocess.Popen([bench.tracectl, "run", "-q", "-o", self.capture, bench.path("plan.toml"), "--",
                                         self.program, *words], env=env, cwd=bench.scratch, stdin=subprocess.DEVNULL,
                                        stdout=self.out, stderr=self.err)

    def traced(self):
        return [pid for pid in ours(self.bench) if pid != self.process.pid]

    def wait(self):
        status = self.process.wait(DEADLINE)
        self.out.close()
        self.err.close()
        return status

    def text(self, name):
        with open(self.bench.path(name), encoding="utf-8") as file:
            return file.read()

    def wait_for_trace(self, size=1):
        """Until the capture holds so many bytes of records."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if os.path.getsize(os.path.join(self.capture, "data")) > 2048 + size:
                    return
            except OSError:
                pass
            time.sleep(0.005)


def facts(bench, capture, cut):
    """info of what a crash left: it decodes, and says what is missing."""
    info = bench.clean_info(capture, ("cut_file",) if cut else ())
    equal("cut_file", info["loss"]["cut_file"], 1 if cut else 0)
    return info


def repaired(bench, capture):
    done = json.loads(bench.view("repair", "--json", capture))
    again = json.loads(bench.view("repair", "--json", capture))
    equal("repaired a second time", again["repaired"], False)
    return done


def perf_agrees(bench, capture, instructions):
    counted = sum(map(len, perf_instructions(bench, capture, WHAT_LACKS).values()))
    equal("instructions as perf counts them", counted, instructions)


def finished(capture):
    """Feature bits stand in the header: everything was written, and tracectl was about to end."""
    with open(os.path.join(capture, "data"), "rb") as file:
        return any(file.read(104)[72:])


def holds_records(capture):
    """A crash before the head of the file was written leaves nothing to read."""
    try:
        return os.path.getsize(os.path.join(capture, "data")) > 0
    except OSError:
        return False


def check_left(bench, capture, killed):
    if not holds_records(capture):
        need(killed, "no capture though tracectl was not killed")
        done = bench.run([bench.tracectl, "info", capture])
        need(done.returncode == 1 and done.stderr.startswith(b"tracectl: "), "info of nothing:", done.stderr)
        return 0
    cut = killed and not finished(capture)
    before = facts(bench, capture, cut)
    did = repaired(bench, capture)
    equal("repaired", did["repaired"], cut)
    after = facts(bench, capture, cut)
    for key in ("instructions", "branches", "bytes", "windows", "threads"):
        equal(f"{key} after the repair", after[key], before[key])
    if bench.perf:
        perf_agrees(bench, capture, after["instructions"])
    return after["instructions"]


def one_moment(bench, dice):
    victim = dice.choice(["tracectl", "program", "both"])
    words = [str(STEPS), *dice.choice([[], ["threads"], ["fork"]])]
    window = dice.random() < 0.3
    shutil.rmtree(bench.path("capture"), ignore_errors=True)
    shutil.rmtree(bench.path("capture.old"), ignore_errors=True)
    run = Run(bench, words, PLAN + (WINDOW if window else ""))
    if dice.random() < 0.8:
        run.wait_for_trace()
    time.sleep(dice.random() * 0.3)
    traced = run.traced() if victim != "tracectl" else []
    killed = victim != "program" and run.process.poll() is None
    if killed:
        run.process.kill()
    for pid in traced:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    status = run.wait()
    killed = killed and status == -signal.SIGKILL
    wait_for_end(bench, f"{victim} killed")
    if victim == "tracectl":
        equal("what the program wrote", run.text("out"), "done\n" if run.text("out") or not killed else "")
    if not killed:
        # A QEMU that was killed early, before its program was mapped perhaps, may have left no trace: that is said.
        said = run.text("err")
        is_empty = victim == "program" and "tracectl: the capture is empty:\n" in said
        need(said == "" or is_empty, "tracectl said:", said)
        need(status in (0, 137), f"tracectl's status: {status}")
    count = check_left(bench, run.capture, killed)
    if not killed and said != "":
        equal("instructions of a capture that is said to be empty", count, 0)
    return victim, killed, count


def moments(bench, number):
    bench.perf = have_perf(bench)
    before = traces_left()
    dice = random.Random(SEED)
    hit, instructions, empty = {}, 0, 0
    for n in range(number):
        state = dice.getstate()
        try:
            victim, killed, count = one_moment(bench, dice)
        except Exception:
            print(f"  moment {n} of seed {SEED}, state {hash(state) & 0xffff:x}")
            raise
        hit[victim] = hit.get(victim, 0) + 1
        instructions += count
        empty += count == 0
    equal("left in /tmp or /dev/shm", traces_left() - before, set())
    need(empty < number / 2, f"{empty} of {number} captures hold no instruction: the test tests nothing")
    told = ", ".join(f"{what} {n}" for what, n in sorted(hit.items()))
    return f"{told}; {instructions} instructions kept, {empty} without any" + ("" if bench.perf else "; perf is absent")


def some_moments(bench):
    return moments(bench, 40)


def many_moments(bench):
    return moments(bench, 200)


def launcher_not_reaped(bench):
    """A killed tracectl that nobody has waited for yet is as dead as any: the program runs on."""
    run = Run(bench, ["400", "threads"], PLAN.replace("64KiB", "16KiB"))
    run.wait_for_trace()
    run.process.send_signal(signal.SIGSTOP)  # the rings fill up, and the program waits
    time.sleep(0.3)
    run.process.kill()
    wait_for_end(bench, "tracectl killed, not reaped")
    equal("status", run.wait(), -signal.SIGKILL)
    equal("what the program wrote", run.text("out"), "done\n")
    check = facts(bench, run.capture, True)
    need(check["instructions"] > 0, "nothing was kept")


def killed_at_once(bench):
    """A QEMU that is killed before its plugin can report: the command's end, and an empty capture that reads."""
    fake = bench.path("qemu-x86_64")
    with open(fake, "w", encoding="utf-8") as out:
        out.write(f'#!/bin/sh\ncase "$1" in -*version|-help) exec {bench.qemu} "$1" ;; esac\nkill -9 $$\n')
    os.chmod(fake, 0o755)
    bench.trace(["/bin/true"], env=bench.env | {"TRACECTL_QEMU": fake}, status=137)
    equal("what tracectl said", bench.last.stderr,
          b"tracectl: the capture is empty:\n  signal 9 ended the command before it was traced\n")
    equal("instructions", bench.clean_info(bench.path("capture"))["instructions"], 0)


def signals(bench):
    """SIGTERM, SIGHUP and SIGINT go to the program; the capture ends whole, with its status."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        shutil.rmtree(bench.path("capture"), ignore_errors=True)
        run = Run(bench, ["100000"])
        run.wait_for_trace()
        run.process.send_signal(number)
        equal(f"status after {number.name}", run.wait(), 128 + number)
        wait_for_end(bench, number.name)
        facts(bench, run.capture, False)
        with open(os.path.join(run.capture, "capture.json"), encoding="utf-8") as file:
            equal("exit_status", json.load(file)["exit_status"], 128 + number)


def signal_behind_the_limit(bench):
    """Behind a limit the program runs untraced; a signal still ends it."""
    run = Run(bench, ["100000"], PLAN + '[limits]\nbytes = "4KiB"\n')
    capture = os.path.join(run.capture, "data")
    run.wait_for_trace(2048)
    seen = -1
    while seen != (seen := os.path.getsize(capture)):
        time.sleep(0.5)
    run.process.send_signal(signal.SIGTERM)
    equal("status", run.wait(), 128 + signal.SIGTERM)
    wait_for_end(bench, "SIGTERM behind the limit")
    facts(bench, run.capture, False)


def mount(bench, size):
    place = bench.path("tiny")
    os.makedirs(place, exist_ok=True)
    done = bench.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tracectl-test", place])
    return place if done.returncode == 0 else None


def no_space(bench):
    """A full disk: said at once, the program runs on untraced to its end, what was written decodes."""
    if os.geteuid() != 0 or mount(bench, "4k") is None:
        return "skipped: mounting a tmpfs needs root"
    bench.perf = have_perf(bench)
    place = bench.path("tiny")
    told = []
    try:
        for pages in (1, 2, 3, 4, 5, 8, 12):
            shutil.rmtree(os.path.join(place, "capture"), ignore_errors=True)
            equal("remount", bench.run(["mount", "-o", f"remount,size={4 * pages}k", place]).returncode, 0)
            run = Run(bench, [str(4 * STEPS)], capture="tiny/capture")
            status, errors = run.wait(), run.text("err")
            wait_for_end(bench, "no space")
            need(status == 1 and "No space left on device" in errors, f"{pages} pages: status {status}: {errors}")
            began = "runs on untraced" in errors
            equal(f"{pages} pages: what the program wrote", run.text("out"), "done\n" if began else "")
            equal(f"{pages} pages: the error is said once", errors.count("No space left"), 1)
            if not began:
                continue
            before = facts(bench, run.capture, True)
            told.append(before["instructions"])
            refused = bench.run([bench.tracectl, "repair", run.capture])
            need(refused.returncode in (0, 1), "repair:", refused.stderr)
            equal("instructions", facts(bench, run.capture, True)["instructions"], told[-1])
            equal("remount", bench.run(["mount", "-o", f"remount,size={4 * pages + 64}k", place]).returncode, 0)
            repaired(bench, run.capture)
            if bench.perf:
                perf_agrees(bench, run.capture, facts(bench, run.capture, True)["instructions"])
    finally:
        bench.run(["umount", place])
    need(told and max(told) > 0, "no capture of a full disk holds an instruction")
    return f"instructions kept: {told}"


def file_size_limit(bench):
    """ulimit -f is an error as a full disk is, not a death by SIGXFSZ."""
    with open(bench.path("plan.toml"), "w", encoding="ascii") as file:
        file.write(PLAN)
    # The limit is on memory files, too: just above what a thread's buffers need.
    run = bench.run(["bash", "-c", 'ulimit -f 150; exec "$@"', "bash", bench.tracectl, "run", "-q", "-o",
                     bench.path("capture"), bench.path("plan.toml"), "--", bench.program("flow"), *["loop"] * 20])
    equal("status", run.returncode, 1)
    need(b"File too large" in run.stderr and b"runs on untraced" in run.stderr, run.stderr)
    facts(bench, bench.path("capture"), True)


def record_ends(data):
    """File offsets behind every whole record of a finished data file."""
    at, size = struct.unpack_from("<QQ", data, 40)
    end, out = at + size, [at]
    while at < end:
        kind, _, length = struct.unpack_from("<IHH", data, at)
        payload = struct.unpack_from("<Q", data, at + 8)[0] if kind == 71 else 0
        at += length + payload
        out.append(at)
    return out


def cut_anywhere(bench):
    """The file cut at any byte: what is left decodes as a prefix, and perf reads it once repaired."""
    perf = have_perf(bench)
    run = Run(bench, ["100"])
    equal("status", run.wait(), 0)
    with open(os.path.join(run.capture, "data"), "rb") as file:
        whole = file.read()
    with open(os.path.join(run.capture, "capture.json"), "rb") as file:
        side = file.read()
    equal("threads", facts(bench, run.capture, False)["threads"], 1)
    trace = next(iter(bench.instructions(run.capture).values()))
    ends, dice = record_ends(whole), random.Random(SEED)
    places = sorted({end + near for end in dice.sample(ends, min(len(ends), 12)) for near in (-8, -1, 0, 1, 8)} |
                    {dice.randrange(len(whole)) for _ in range(40)} | {0, 1, 103, 104, len(whole) - 1})
    checked = decoded = 0
    for place in places:
        if not 0 <= place < len(whole):
            continue
        cut = bench.path("cut")
        shutil.rmtree(cut, ignore_errors=True)
        os.mkdir(cut)
        for name, text in (("data", whole[:place]), ("capture.json", side)):
            with open(os.path.join(cut, name), "wb") as file:
                file.write(text)
        checked += 1
        done = bench.run([bench.tracectl, "script", "instructions", "--raw", cut])
        left = [int(line.split()[1], 16) for line in done.stdout.splitlines()]
        if place < ends[1]:  # not even AUXTRACE_INFO is whole
            need(done.returncode == 1 and done.stderr.startswith(b"tracectl: "), f"cut at {place}:", done.stderr)
            continue
        equal(f"cut at {place}: stderr", done.stderr, b"")
        equal(f"cut at {place}: a prefix", left, trace[:len(left)])
        equal(f"cut at {place}: cut_file", bench.clean_info(cut, ("cut_file",))["loss"]["cut_file"], 1)
        repaired(bench, cut)
        equal(f"cut at {place}: instructions", facts(bench, cut, True)["instructions"], len(left))
        decoded += len(left) > 0
        if perf and (checked % 4 == 0 or place in ends):
            perf_agrees(bench, cut, len(left))
    need(decoded > 20, f"only {decoded} cuts leave an instruction")
    return f"{checked} cuts, {decoded} with instructions"


if __name__ == "__main__":
    main({"moments": [some_moments], "ends": [killed_at_once, launcher_not_reaped, signals, signal_behind_the_limit, file_size_limit],
          "space": [no_space], "cuts": [cut_anywhere], "long": [many_moments]},
         arm={"moments": [some_moments], "ends": [launcher_not_reaped, signals, signal_behind_the_limit], "cuts": [cut_anywhere]})
