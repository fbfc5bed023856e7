# SPDX-License-Identifier: MIT
"""The `perf record` line that check prints, run as printed: perf takes it and records the plan's windows."""
import os
import re
import shutil

from guest import Tree, boot, equal, main, need, read

# plan: (command, the events that begin and end a window, windows at least).
CASES = {
    "inside_syscall": ("/usr/bin/uname -a", "syscalls:sys_enter_newuname syscalls:sys_exit_newuname", 1),
    "syscall_to_syscall": ("/usr/bin/bash -c 'read -r x </plans/words; echo $x'",
                           "syscalls:sys_exit_read syscalls:sys_enter_write", 1),
    "hot_function": ("{flow} sort", "tracectl:t0 tracectl:t1__return", 1),
    "xz_code": ("/usr/bin/xz -kf /plans/words", "tracectl:t0 tracectl:t1__return", 2),
}
# The rest have no equal line (snapshots), or are for a program that the guest has not.
NO_LINE = ("error_path", "lua_error")

SCRIPT = r"""
lines() { sed -n '/^perf$/,$p' "$1" | grep '^  perf ' | sed 's/^  //'; }
mkdir -p $name && cd $name || exit 1
tracectl check --machine kernel /plans/$name.toml -- COMMAND >check 2>check.err
echo $? >check.status
lines check >lines
sh -ex lines >run 2>&1
echo $? >run.status
perf script -F event >events 2>events.err
perf script --itrace=i0ns -F event 2>/dev/null | grep -c '^ *instructions' >instructions
perf script --itrace=e 2>&1 | grep -c ' error type ' >errors
perf probe -q -d 'tracectl:*' 2>/dev/null
cd ..
"""


def commands(bench):
    return {name: command.format(flow=bench.program("flow")) for name, (command, _, _) in CASES.items()}


def prepare(bench):
    tree = Tree(bench)
    tree.tracectl()
    tree.plans()
    tree.program(bench.program("flow"))
    if shutil.which("xz"):
        tree.add(shutil.which("xz"), "/usr/bin/xz")
    tree.text("/plans/words", "some words\n" * 4000)
    script = "".join(f"name={name}{SCRIPT.replace('COMMAND', command)}" for name, command in commands(bench).items())
    for name in NO_LINE:
        script += f"tracectl check --machine kernel /plans/{name}.toml >{name} 2>&1\n"
    return boot(tree, script + "true\n", icount=False)


def perf_accepts(bench, out):
    for name in CASES:
        equal(f"status of check {name}", read(out, f"{name}/check.status").strip(), "0")
        need("perf record" in read(out, f"{name}/lines"), f"{name}: no perf record line:\n{read(out, f'{name}/check')}")
        status = read(out, f"{name}/run.status").strip()
        equal(f"status of perf, {name}:\n{read(out, f'{name}/run')[-1500:]}", status, "0")


def windows_are_recorded(bench, out):
    said = []
    for name, (_, events, least) in CASES.items():
        seen = [line.strip().rstrip(":") for line in read(out, f"{name}/events").splitlines()]
        begin, end = (seen.count(event) for event in events.split())
        need(begin >= least and end >= least, f"{name}: {begin} and {end} events of {events}, wanted {least} of each; perf "
                                              f"saw {sorted(set(seen))}")
        instructions = int(read(out, f"{name}/instructions"))
        need(instructions > 50, f"{name}: {instructions} instructions")
        equal(f"decode errors of {name}", int(read(out, f"{name}/errors")), 0)
        said.append(f"{name}: {begin} windows, {instructions} instructions")
    return "; ".join(said)


def tracectl_reads_it(bench, out):
    """Our own reader finds the windows in perf's recording."""
    for name in CASES:
        info = bench.info(os.path.join(out, name, "perf.data"))
        need(info["streams"], f"{name}: no trace in it")


def snapshots_have_no_line(bench, out):
    for name in NO_LINE:
        text = read(out, name)
        need("no equal perf record line" in text, f"{name}: check does not say that there is no line")
        need(not re.search(r"^  perf record -", text, re.M), f"{name}: check prints a line that is not equal")


if __name__ == "__main__":
    main(prepare, [perf_accepts, windows_are_recorded, tracectl_reads_it, snapshots_have_no_line])
