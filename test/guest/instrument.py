# SPDX-License-Identifier: MIT
"""The instrument itself: perf in the guest records one system call's kernel code, the host decodes it, always the same."""
from guest import Tree, boot, equal, main, need, need_perf, perf_errors, perf_instructions

ONCE = ("first", "second", "third")
MANY = 20
SCRIPT = r"""
events=intel_pt/aux-action=start-paused/k,syscalls:sys_enter_newuname/aux-action=resume/
events=$events,syscalls:sys_exit_newuname/aux-action=pause/
record() { name=$1; shift; perf record -q --kcore -o "$name.data" -e "$events" -- "$@" >/dev/null || exit 1; }
for name in first second third; do record $name /usr/bin/uname; done
record many /usr/bin/bash -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do /usr/bin/uname; done'
dmesg | grep -iE 'warn|bug:|oops|unchecked|topa' >dmesg
true
"""


def prepare(bench):
    return boot(Tree(bench), SCRIPT)


def path(out, name):
    return f"{out}/{name}.data"


def decodes(bench, out):
    """perf meets no error, and sees the system call's function."""
    need_perf(bench)
    for name in (*ONCE, "many"):
        equal(f"decode errors of {name}", perf_errors(bench, path(out, name)), 0)
    found = perf_instructions(bench, path(out, "first"), "ip,sym")
    need(any(line.endswith(" __do_sys_newuname") for line in found), f"no __do_sys_newuname among {len(found)} instructions")


def repeats(bench, out):
    need_perf(bench)
    counts = [len(perf_instructions(bench, path(out, name))) for name in ONCE]
    need(400 < counts[0] < 4000, f"{counts[0]} instructions in one newuname(2)")
    equal("instructions each time", counts, counts[:1] * len(ONCE))
    # bash calls it once too; in a longer run an interrupt may fall into a call.
    many = len(perf_instructions(bench, path(out, "many")))
    need(1 <= many / (MANY * counts[0]) < 1.2, f"{MANY} calls have {many} instructions, one has {counts[0]}")
    return f"{counts[0]} instructions, {MANY} times: {many}"


def kernel_is_content(bench, out):
    with open(f"{out}/dmesg", encoding="utf-8") as file:
        equal("complaints in the guest's dmesg", file.read(), "")


if __name__ == "__main__":
    main(prepare, [decodes, repeats, kernel_is_content])
