# SPDX-License-Identifier: MIT
"""The flow decoder against the reference on every kind of program, whole and damaged: item for item, with time,
thread and position, and each loss in the reference's words. flow_compare (test/flow) does the comparing."""
import os
import subprocess

import arm_sinks
from common import equal, main, need

PROGRAMS = {
    "flow": [["flow", "loop", "recursion", "table", "pointers", "sort", "longjump", "text"], ["flow_static", "loop", "recursion"],
             ["throws"]],
    "edges": [["edges"], ["edges_static"]],
    "signals": [["signals", "raise", "nested", "longjump"], ["signals", "segv"], ["signals", "alarm"]],
    "threads": [["threads"], ["threads", "twice"], ["children", "fork"], ["jit", "fork"]],
    "code": [["jit", case] for case in ("grow", "rewrite", "flip", "stack", "heap", "remap", "patch", "self", "across", "turns")]
            + [["libs"]],
    "windows": [["windows"]],
}
MANY = {"edges": 1000, "edges_static": 1500, "jit grow": 1000, "jit fork": 1000, "signals segv": 1500, "signals raise": 1500,
        "windows": 1500, "flow longjump": 1000}
DAMAGED = {"edges": 60, "jit grow": 60, "signals segv": 60, "threads": 10, "jit fork": 30}

# The same on AArch64, where programs are static, and there is no table of odd branches (edges).
ARM_PROGRAMS = {suite: [command for command in commands if command[0] not in ("flow_static", "libs")]
                for suite, commands in PROGRAMS.items() if suite != "edges"}
ARM_DAMAGED = {"windows": 40, "jit grow": 30, "jit rewrite": 30, "signals segv": 40, "threads": 10, "jit fork": 30}
# A unit and its sink: packets as they are, or in frames.
RETURNS = ("ete", "trbe0", "retstack = true\n")
FRAMED = [("ete", "tmc_etr0"), ("etmv4", "tmc_etr0")]


def compare(bench, capture, *more):
    """flow_compare's items, instructions, losses, segments that the reference decoded."""
    done = subprocess.run([os.path.join(bench.build, "flow_compare"), capture, *more], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=280, check=False)
    need(done.returncode == 0, f"flow_compare: status {done.returncode}\n", done.stderr.decode(errors="replace")[-3000:])
    return [int(word) for word in done.stdout.split()]


def traced(bench, command):
    return bench.trace([bench.program(command[0]), *command[1:]], status=None)


def equal_items(name, commands, unit=None):
    def case(bench):
        total = 0
        if unit is not None:
            arm_sinks.use(bench, *unit)
        for command in commands:
            capture = traced(bench, command)
            items, instructions, losses, by_reference = compare(bench, capture)
            equal(f"{command}: info's instructions", bench.info(capture)["instructions"], instructions)
            need(items > 0 and losses == 0, f"{command}: {items} items, {losses} losses")
            equal(f"{command}: sync segments left to the reference", by_reference, 0)
            total += instructions
        return f"{total} instructions"

    case.__name__ = name
    return case


def damaged(name, variants, unit=None, seed="1"):
    """Faults in the trace: the same instructions up to each, the same losses, the same points to go on at."""

    def case(bench):
        losses = 0
        if unit is not None:
            arm_sinks.use(bench, *unit)
        for command, count in variants.items():
            found = compare(bench, traced(bench, command.split()), str(count), seed)
            losses += found[2]
            # Of CoreSight's some have no reference, and one fault is often the end: what follows waits for a sync point.
            need(found[2] > count // (10 if bench.arm else 4), f"{command}: only {found[2]} losses: the damage does none")
        return f"{sum(variants.values())} variants, {losses} losses"

    case.__name__ = name
    return case


def views(bench):
    """What a user sees, by either decoder."""
    # The second one has an instruction that begins in one mapping and ends in the next.
    for command in (["flow", "recursion", "sort"], ["jit", "across"]):
        capture = traced(bench, command)
        for verb in (["script", "calls"], ["script", "instructions", "--digest"], ["script", "instructions"], ["report"],
                     ["info", "--json"]):
            equal(" ".join(verb), bench.view(*verb, capture), bench.view(*verb, "--decoder", "reference", capture))


def refused(bench):
    """Trace that it does not read is refused in words."""
    capture = traced(bench, ["flow", "loop"])
    done = bench.run([bench.tracectl, "report", "--decoder", "fast", capture])
    need(done.returncode == 2, "an unknown decoder: status", done.returncode)


def on_arm():
    out = {suite: [equal_items("raw", commands), equal_items("retstack", commands, RETURNS)]
           for suite, commands in ARM_PROGRAMS.items()}
    for unit in FRAMED:
        out[unit[0] + "_framed"] = [equal_items(suite, commands, unit) for suite, commands in ARM_PROGRAMS.items()]
    units = {"raw": None, "retstack": RETURNS} | {unit[0] + "_framed": unit for unit in FRAMED}
    return out | {"damaged": [damaged(name, ARM_DAMAGED, unit) for name, unit in units.items()], "views": [views]}


if __name__ == "__main__":
    main({suite: [equal_items(suite, commands)] for suite, commands in PROGRAMS.items()} |
         {"damaged": [damaged("damaged", DAMAGED)], "many": [damaged("many", MANY, seed="2")], "views": [views, refused]}, on_arm())
