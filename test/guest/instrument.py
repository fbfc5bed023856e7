# SPDX-License-Identifier: MIT
"""The instrument itself: perf in the guest records one system call's kernel code, the host decodes it, always the same."""
from guest import Tree, boot, equal, main, need, need_perf, perf_errors, perf_instructions, uninterrupted

ONCE = ("first", "second", "third", "fourth", "fifth")
MANY = 20
SCRIPT = r"""
events=intel_pt/aux-action=start-paused/k,syscalls:sys_enter_newuname/aux-action=resume/
events=$events,syscalls:sys_exit_newuname/aux-action=pause/
record() { name=$1; shift; perf record -q --kcore -o "$name.data" -e "$events" -- "$@" >/dev/null || exit 1; }
for name in first second third fourth fifth; do record $name /usr/bin/uname; done
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


def calls(bench, data):
    """Each call of newuname(2): its instructions, (address, function). All begin at the address at which the first does."""
    lines = [(line + " ?").split()[:2] for line in perf_instructions(bench, data, "ip,sym")]
    need(lines, f"{data} has no instruction")
    starts = [i for i, line in enumerate(lines) if line[0] == lines[0][0]] + [len(lines)]
    return [lines[begin:end] for begin, end in zip(starts, starts[1:])]


def addresses(call):
    return [address for address, _ in call]


def undisturbed(found):
    """The calls that no interrupt fell into. What an interrupt leaves behind may send the rest of a call another way."""
    return [addresses(call) for call in found if uninterrupted(call, lambda line: line[1]) == call]


def repeats(bench, out):
    """A call goes the same way each time, instruction by instruction; most calls see no interrupt."""
    need_perf(bench)
    single = []
    for name in ONCE:
        found = calls(bench, path(out, name))
        equal(f"calls of {name}", len(found), 1)
        single += found
    alike = undisturbed(single)
    need(len(alike) >= 3, f"{len(single) - len(alike)} of {len(single)} calls were interrupted")
    once = alike[0]
    need(400 < len(once) < 4000, f"{len(once)} instructions in one newuname(2)")
    equal("instructions of the single calls", list(map(len, alike)), [len(once)] * len(alike))
    need(all(call == once for call in alike), "single calls of the same length went different ways")
    many = calls(bench, path(out, "many"))
    equal("calls of bash and its children", len(many), MANY + 1)  # bash calls it once too
    same = undisturbed(many)
    need(len(same) >= MANY * 3 // 4, f"{len(many) - len(same)} of {len(many)} calls were interrupted")
    equal("instructions of the many", list(map(len, same)), [len(once)] * len(same))
    need(all(call == once for call in same), "calls of the same length went different ways")
    need(all(len(call) > len(once) for call in single + many if addresses(call) != once), "an interrupted call is no longer")
    return f"{len(once)} instructions, {len(alike)} of {len(single)} times and {len(same)} of {len(many)}"


def kernel_is_content(bench, out):
    with open(f"{out}/dmesg", encoding="utf-8") as file:
        equal("complaints in the guest's dmesg", file.read(), "")


if __name__ == "__main__":
    main(prepare, [decodes, repeats, kernel_is_content])
