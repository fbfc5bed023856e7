# SPDX-License-Identifier: MIT
"""Blocks that no trigger sits in are let alone during a pause: nothing of a window may change by that.

Each program runs twice under one plan: with every block seen, and with translated code thrown away as often as it
can be (a pause of a few blocks is enough).
"""
import json
import os

from common import equal, main, need

SOON = 20  # blocks


def function(name):
    return "--window", f"function={name}"


def numbers(info):
    return {k: info[k] for k in ("windows", "open_windows", "instructions", "branches", "taken_branches", "threads")}


def run_of(bench, idle, command, options, allowed, wanted_status):
    bench.change_translation(idle)
    capture = bench.trace(command, options, name=f"capture.{idle}", status=wanted_status)
    info = bench.clean_info(capture, allowed)
    with open(os.path.join(capture, "capture.json"), encoding="utf-8") as text:
        changes = json.load(text)["translations"]
    streams = sorted(bench.instructions(capture).values())
    return numbers(info), info["loss"], streams, changes


def same(bench, command, options, changes, allowed=(), status=0):
    """The same windows, instruction by instruction, after at least `changes` changes of translation."""
    always = run_of(bench, 0, command, options, allowed, status)
    often = run_of(bench, SOON, command, options, allowed, status)
    equal("changes where every block is seen", always[3], 0)
    need(often[3] >= changes, f"{often[3]} changes of translation, wanted {changes}")
    equal("numbers", often[0], always[0])
    equal("losses", often[1], always[1])
    need(always[2] and sum(map(len, always[2])) == always[0]["instructions"], "no instructions to compare")
    need(often[2] == always[2], "the instructions differ")
    return f"{often[3]} changes"


def calls(bench):
    """Static, so that addresses are alike; from one call to the next is a pause of some blocks."""
    return same(bench, [bench.program("windows_static"), "syscalls", "60"], function("windows_static:on_signal"), 100)


def system_calls(bench):
    """From one system call to another, and the samples know where they were."""
    plan = bench.path("plan.toml")
    with open(plan, "w", encoding="utf-8") as out:
        out.write('plan = 1\n[[trigger]]\nname = "in"\non = "tracepoint:syscalls:sys_exit_close"\ndo = "resume"\n'
                  'filter = "ret < 0"\n[[trigger]]\nname = "out"\non = "tracepoint:syscalls:sys_enter_getppid"\ndo = "pause"\n')
    command = [bench.program("windows_static"), "syscalls", "60"]
    words = same(bench, command, [plan], 100)
    hits = []
    for idle in (0, SOON):
        text = bench.run(["perf", "script", "-F", "ip", "-i", bench.path(f"capture.{idle}"), "--itrace=e"])
        hits.append([line for line in text.stdout.decode().splitlines() if line.strip()])
    need(len(hits[0]) >= 60, "perf shows no hits:", text.stderr.decode()[-500:])
    equal("hits", hits[1], hits[0])
    return words


def threads(bench):
    """New threads run into the window at once; with several alive nothing is let alone."""
    for _ in range(10):
        same(bench, [bench.program("windows"), "threads", "2"], function("windows:leaf"), 1)


def children(bench):
    return same(bench, [bench.program("children"), "fork"], function("children:busy"), 3)


def made_code(bench):
    """Code without a file is stored again, or known still, when its blocks are translated again."""
    plan = ("--window", "from=breakpoint:jit:put_loop,to=breakpoint:jit:put_constant")
    return same(bench, [bench.program("jit"), "grow", "rewrite"], plan, 1, allowed=("split_window",))


def opened_late(bench):
    plugs = [bench.program("plug_two.so"), bench.program("plug_one.so"), bench.program("plug_two.so")]
    return same(bench, [bench.program("libs"), "40", *plugs], function("plug_two.so:plug_work"), 3)


def longjumps(bench):
    """A probe whose function was left by longjmp waits on: every block is seen from then on."""
    return same(bench, [bench.program("windows"), "jumps", "40"], function("windows:jumper"), 1, allowed=("missed_trigger",))


def without_log(bench):
    """What the tests' log slows down and what it does not are the same trace. (The programs' environments differ by a letter.)"""
    command = [bench.program("flow_static")]
    logged = bench.digests(bench.trace(command))
    equal("the plugin's own", bench.plugin_digests(), logged)
    bench.env = {k.replace("TEST_LOG", "TEST_LOX"): v for k, v in bench.env.items()}
    equal("without a log", [d[1:] for d in bench.digests(bench.trace(command))], [d[1:] for d in logged])


if __name__ == "__main__":
    main({"same": [calls, system_calls, threads, children, made_code, opened_late, longjumps, without_log]},
         arm={"same": [calls, system_calls, threads, children, made_code, longjumps, without_log]})
