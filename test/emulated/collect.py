# SPDX-License-Identifier: MIT
"""[collect]: trace in periods by the clock, nothing between them, and the service that collects again and again."""
import fcntl
import glob
import os
import re
import shutil
import subprocess
import time

from common import equal, main, need
from ctl import ctl, finish, hand, session, traced, wait_for
from ring import perf_agrees

SERVICE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "service"))


def plan(bench, every, length, more="", trace=""):
    path = bench.path("collect.toml")
    with open(path, "w", encoding="ascii") as out:
        out.write(f'plan = 1\n[trace]\n{trace}\n[collect]\nevery = "{every}"\nfor = "{length}"\n{more}\n')
    return path


def periods(capture):
    """[(begin, end, quiet, bytes)] of those that are over."""
    try:
        with open(f"{capture}/periods", encoding="ascii") as file:
            return [tuple(map(int, line.split())) for line in file if line.endswith("\n") and not line.startswith("#")]
    except FileNotFoundError:
        return []


def spans(capture, session_end):
    """[(from, to)]: outside of them nobody may have traced. Who was not quiet when the next period began may have traced until then."""
    all_periods = periods(capture)
    begins = [p[0] for p in all_periods[1:]] + [session_end]
    return [(p[0], p[2] or following) for p, following in zip(all_periods, begins)]


def within(what, moments, allowed):
    need(moments, f"no {what}")
    for moment in moments:
        need(any(begin <= moment <= end for begin, end in allowed), f"{what} at {moment}, outside of every period:", allowed)
    hit = sum(any(begin <= m <= end for m in moments) for begin, end in allowed)
    return hit


def stamps(bench, capture):
    """Times in the trace itself: TSC packets."""
    return [int(m[1], 16) for m in re.finditer(r" tsc +([0-9a-f]+)$", bench.view("script", "packets", capture), re.M)]


def handed_over(bench, capture):
    """When trace was handed over, by perf: times of the AUX records."""
    dump = bench.run(["perf", "script", "-i", capture, "-D"]).stdout.decode(errors="replace")
    found = re.findall(r"^\S+ (\d+) \S+ \[\S+\]: PERF_RECORD_AUX offset: \S+ size: (\S+)", dump, re.M)
    return [int(when) for when, size in found if int(size, 16) != 0]


def check_times(bench, capture):
    """Nothing is traced outside of the periods."""
    allowed = spans(capture, time.clock_gettime_ns(time.CLOCK_MONOTONIC))
    words = ""
    if not bench.arm:
        words = f"{within('a time stamp', stamps(bench, capture), allowed)} of {len(allowed)} periods with time stamps"
    if shutil.which("perf") and bench.run(["perf", "version"]).returncode == 0:
        within("an AUX record", handed_over(bench, capture), allowed)
    return words


def calls_of(bench, capture, function):
    profile = bench.view("script", "calls", capture)
    return len(re.findall(rf"^ +\d+ +{function}\b", profile, re.M))


def loop(bench):
    """A program that goes on for several periods: whole ones, none in between, and all of it decodes."""
    command, end = hand(bench)
    every, length = 200_000_000, 50_000_000
    began = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    with session(bench, [plan(bench, "200ms", "50ms")], command) as (run, capture):
        wait_for(lambda: len(periods(capture)) >= 5, "five periods", 60)
        out, err = finish(run, end)
    took = time.clock_gettime_ns(time.CLOCK_MONOTONIC) - began
    all_periods = periods(capture)
    need(5 <= len(all_periods) <= took // every + 1, f"{len(all_periods)} periods in {took} ns")
    for begin, ended, _, _ in all_periods[:-1]:  # the program's end may cut the last one
        need(ended - begin >= length, "a period is too short:", all_periods)
    words = check_times(bench, capture)
    info = bench.clean_info(capture)
    equal("windows: the clock makes none", info["windows"], 0)
    collected = info["collected"]
    equal("periods told", (collected["periods"], collected["every_ns"], collected["for_ns"]), (len(all_periods), every, length))
    equal("time traced", collected["traced_ns"], sum(p[1] - p[0] for p in all_periods))
    need(re.search(rf"^collected {len(all_periods)} periods of 50ms in every 200ms: ", bench.view("info", capture), re.M), "in words")
    need("limit" not in err, "it ended by itself:", err)
    made, seen = 20 * int(out.split()[1]), calls_of(bench, capture, "step")
    need(0 < seen < made, f"{seen} of {made} calls are in the trace")
    perf_agrees(bench, capture, info["instructions"])
    return f"{len(all_periods)} periods, {seen} of {made} calls; {words}"


def threads(bench):
    """Two threads, one budget: the session ends behind the period that reached it, and the program goes on."""
    command, end = hand(bench, "threads")
    options = [plan(bench, "150ms", "30ms", 'max_bytes = "60KiB"')]
    with session(bench, options, command) as (run, capture):
        wait_for(lambda: not os.path.exists(f"{capture}/control"), "the session's end", 60)
        need(run.poll() is None, "the program goes on")
        out, err = finish(run, end)
    need("stopped by limit: max_bytes" in err, "run says why:", err)
    need(out.startswith("rounds"), "the program's end:", out)
    all_periods = periods(capture)
    need(all_periods[-1][3] >= 60 << 10, "bytes at the end:", all_periods)
    need(all(p[3] < 60 << 10 for p in all_periods[:-1]), "it ended late:", all_periods)
    need(all_periods[-1][1] - all_periods[-1][0] >= 30_000_000, "the last period was cut:", all_periods)
    check_times(bench, capture)
    info = bench.clean_info(capture)
    equal("threads", info["threads"], 2)
    need(info["bytes"] >= 60 << 10, "bytes of trace:", info["bytes"])
    perf_agrees(bench, capture, info["instructions"])


def pause_first(bench):
    """start = "paused": what the program begins with is not traced."""
    command, end = hand(bench)
    began = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    with session(bench, [plan(bench, "300ms", "100ms", trace='start = "paused"')], command) as (run, capture):
        wait_for(lambda: len(periods(capture)) >= 2, "two periods", 60)
        finish(run, end)
    check_times(bench, capture)
    info = bench.clean_info(capture)
    need(info["instructions"] > 1000, "instructions:", info["instructions"])
    need(periods(capture)[0][0] >= began + 200_000_000, "the first period came at once:", began, periods(capture))
    perf_agrees(bench, capture, info["instructions"])


def by_hand(bench):
    """A pause by hand lasts over periods; a resume waits for the next one."""
    command, end = hand(bench)
    with session(bench, [plan(bench, "100ms", "40ms")], command) as (run, capture):
        wait_for(lambda: len(periods(capture)) >= 2, "two periods", 60)
        equal("waiting", ctl(bench, "pause", capture)["waiting"], 0)
        before, count = traced(bench, capture), len(periods(capture))
        wait_for(lambda: len(periods(capture)) >= count + 3, "more periods", 60)
        equal("bytes of trace during a pause by hand", traced(bench, capture), before)
        equal("state", ctl(bench, "status", capture)["state"], "paused")
        ctl(bench, "resume", capture)
        wait_for(lambda: traced(bench, capture) > before + 1000, "trace again", 60)
        finish(run, end)
    check_times(bench, capture)
    perf_agrees(bench, capture, bench.clean_info(capture)["instructions"])


def children(bench):
    """Processes that begin in a pause, and execs in the middle of one."""
    file = bench.path("goes-on")
    with open(file, "w", encoding="ascii"):
        pass
    words = ["/bin/sh", "-c", f"while [ -e {file} ]; do /bin/true; (:); done"]
    with session(bench, [plan(bench, "200ms", "100ms")], words) as (run, capture):
        wait_for(lambda: len(periods(capture)) >= 6, "six periods", 120)
        finish(run, lambda: os.remove(file))
    check_times(bench, capture)
    info = bench.clean_info(capture)
    need(info["threads"] > 2, "threads:", info["threads"])
    return f"{info['threads']} threads"


def short(bench):
    """A program that ends within its first period is traced whole, as without [collect]."""
    capture = bench.trace([bench.program("ring"), "2", "3000"], [plan(bench, "10min", "5min")])
    info = bench.clean_info(capture)
    equal("periods", info["collected"]["periods"], 1)
    whole = bench.clean_info(bench.trace([bench.program("ring"), "2", "3000"], name="whole"))
    equal("instructions", info["instructions"], whole["instructions"])
    capture = bench.trace([bench.program("ring"), "2", "3000"], [plan(bench, "10min", "5min", trace='start = "paused"')])
    info = bench.clean_info(capture)
    equal("paused all the time", (info["collected"]["periods"], info["instructions"]), (0, 0))
    need("[collect]" in info["why_empty"][0], "why:", info["why_empty"])


def looping(bench):
    """(a program, its words): it works for some tenths of a second, and its branches are its own."""
    return [bench.program("ring"), "40", "20000"]


def settings(bench, **more):
    store = bench.path("store")
    return store, bench.env | {"TRACECTL": bench.tracectl, "STORE": store, "PLAN": bench.path("collect.toml"), "FREE": "1M",
                               "PROGRAM": bench.program("ring")} | more


def collect(bench, env, status=0, words=None):
    done = bench.run([f"{SERVICE}/tracectl-collect", "--", *(words or looping(bench))], env)
    need(done.returncode == status, f"tracectl-collect: status {done.returncode}, not {status}: {done.stderr.decode()}")
    return done.stderr.decode()


def names(store, end):
    return sorted(os.path.basename(path) for path in glob.glob(f"{store}/*{end}"))


def used(store):
    return int(subprocess.run(["du", "-sk", store], stdout=subprocess.PIPE, check=True).stdout.split()[0])


def rounds(bench):
    """Round after round: the store never outgrows its budget, old captures go first, what is there can be read."""
    plan(bench, "20ms", "10ms", '[limits]\nbytes = "192KiB"')
    budget = 5300  # KiB: a round is 4480
    store, env = settings(bench, BUDGET=f"{budget}K")
    seen, most = set(), 0
    for number in range(1, 9):
        collect(bench, env)
        captures, profiles = names(store, ".data"), names(store, ".afdo.txt")
        seen |= set(captures)
        most = max(most, used(store))
        equal("captures made", len(seen), number)
        equal("profiles: they are small", len(profiles), number)
        need(captures and captures[-1] == max(seen), "the newest capture is there:", captures)
        need(used(store) <= budget, "KiB used:", used(store))
        equal("left behind", [n for n in os.listdir(store) if not n.endswith((".data", ".afdo.txt", ".lock"))], [])
    kept = names(store, ".data")
    need(len(kept) < len(seen), "an old capture went:", kept)
    equal("those that are left are the newest", kept, sorted(seen)[-len(kept):])
    for name in kept:
        need(bench.clean_info(f"{store}/{name}")["instructions"] > 0, name)
    for name in names(store, ".afdo.txt"):
        with open(f"{store}/{name}", encoding="ascii") as text:
            need(int(text.readline()) > 0, "ranges of", name)
    return f"{len(seen)} rounds, {len(kept)} captures kept, {most} KiB at most"


def profiles_go(bench):
    """Where captures are gone and room is still needed, the oldest profile goes; the newest stays."""
    plan(bench, "20ms", "10ms", '[limits]\nbytes = "192KiB"')
    store, env = settings(bench, BUDGET="5300K")
    os.mkdir(store)
    for day in range(1, 6):
        with open(f"{store}/2001010{day}T000000Z.afdo.txt", "wb") as out:
            out.write(b"0\n0\n0\n" + b"\n" * 300_000)
    collect(bench, env)
    left = names(store, ".afdo.txt")
    need(1 < len(left) < 6, "profiles:", left)
    need(left[-1] > "2002", "the new one is there:", left)
    equal("the oldest went", left[:-1], [f"2001010{day}T000000Z.afdo.txt" for day in range(7 - len(left), 6)])
    need(used(store) <= 5300, "KiB used:", used(store))


def refused(bench):
    """No room, no bound, no program: it says so, and touches nothing."""
    path = plan(bench, "20ms", "10ms", '[limits]\nbytes = "192KiB"')
    store, env = settings(bench, BUDGET="2M")
    need("no room" in collect(bench, env, 1) and not names(store, ""), "a budget below one round:", os.listdir(store))
    need("no room" in collect(bench, env | {"BUDGET": "1G", "FREE": "900000G"}, 1), "a disk that is too full")
    need("no size" in collect(bench, env | {"BUDGET": "much"}, 2), "no size")
    need("PROGRAM" in collect(bench, env | {"PROGRAM": ""}, 2), "no program")
    need("no profile" in collect(bench, env | {"BUDGET": "1G", "PROGRAM": bench.program("hand")}, 1), "another program ran")
    equal("left behind", os.listdir(store), [".lock"])
    done = bench.run([f"{SERVICE}/tracectl-collect"], env | {"PROGRAM": bench.program("hand")})
    need(done.returncode == 0 and b"does not run" in done.stderr, "a program that does not run is no error:", done.stderr)
    with open(f"{store}/.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        need("another round" in collect(bench, env | {"BUDGET": "1G"}, 1), "two at a time")
    plan(bench, "20ms", "10ms")
    need("no bytes in [limits]" in collect(bench, env | {"BUDGET": "1G"}, 2), "a plan without a bound")
    with open(path, "w", encoding="ascii") as out:
        out.write("plan = 1\n[collect]\n")
    need("has no every" in collect(bench, env | {"BUDGET": "1G"}, 2), "a bad plan is told")


def unit(bench):
    """systemd reads the service and its timer without a complaint; shellcheck the script, where it is installed."""
    folder = bench.path("units")
    shutil.copytree(SERVICE, folder)
    with open(f"{folder}/tracectl-collect.service", encoding="utf-8") as file:
        text = file.read()
    need("ExecStart=/usr/local/libexec/tracectl-collect\n" in text, "where the script is")
    with open(f"{folder}/tracectl-collect.service", "w", encoding="utf-8") as file:
        file.write(text.replace("/usr/local/libexec/tracectl-collect\n", f"{folder}/tracectl-collect\n"))
    tools = []
    if shutil.which("shellcheck"):
        tools.append("shellcheck")
        done = bench.run(["shellcheck", f"{SERVICE}/tracectl-collect"])
        need(done.returncode == 0, done.stdout.decode())
    if shutil.which("systemd-analyze"):
        tools.append("systemd-analyze")
        done = bench.run(["systemd-analyze", "verify", "--man=no", *sorted(glob.glob(f"{folder}/*.service") + glob.glob(f"{folder}/*.timer"))])
        need(done.returncode == 0 and not done.stderr.strip(), done.stderr.decode())
    return f"by {' and '.join(tools)}" if tools else "skipped: neither systemd-analyze nor shellcheck is installed"


if __name__ == "__main__":
    main({"periods": [loop, threads, pause_first, by_hand, children, short], "service": [rounds, profiles_go, refused, unit]},
         arm={"periods": [loop, threads, pause_first, by_hand], "service": [rounds]})
