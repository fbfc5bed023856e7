# SPDX-License-Identifier: MIT
"""The `perf record` line that check prints, run as printed: perf takes it and records the plan's windows."""
import json
import os
import re
import shutil

from guest import Tree, boot, equal, main, need, read

# plan: (command, the events that begin and end a window, windows at least).
CASES = {
    "inside_syscall": ("/usr/bin/uname -a", "syscalls:sys_enter_newuname syscalls:sys_exit_newuname", 1),
    "syscall_to_syscall": ("/bin/busybox head -n 1 /plans/words",
                           "syscalls:sys_exit_read syscalls:sys_enter_write", 1),
    "hot_function": ("{flow} sort", "tracectl:t0 tracectl:t1__return", 1),
    "xz_code": ("/usr/bin/xz -0kf /plans/words", "tracectl:t0 tracectl:t1__return", 2),
}
# The rest have no equal line (snapshots), or are for a program that the guest has not.
NO_LINE = ("error_path", "lua_error")

SCRIPT = r"""
lines() { sed -n '/^perf$/,$p' "$1" | grep '^  perf ' | sed 's/^  //'; }
echo "$name at $(cut -d' ' -f1 /proc/uptime)"
mkdir -p $name && cd $name || exit 1
tracectl check --machine kernel /plans/$name.toml -- COMMAND >check 2>check.err
echo $? >check.status
lines check >lines
sh -ex lines >run 2>&1
echo $? >run.status
perf script --itrace=i0nse -F event 2>/dev/null |
  awk '/ error type / { print >"errors"; next } { seen[$1]++ } END { for (what in seen) print what, seen[what] }' >seen
touch errors
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
    tree.text("/plans/words", "some words\n" * 1200)
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


def seen_by_perf(out, name):
    """{event: samples} of the guest's perf script."""
    counts = {}
    for line in read(out, f"{name}/seen").splitlines():
        event, count = line.split()
        event = event.rstrip(":")
        counts["instructions" if event.startswith("instructions:") else event] = int(count)
    return counts


def errors_elsewhere(out, name):
    """perf's decode errors, without those in the page where the kernel puts a probed instruction and the return probe's
    trampoline: its bytes lie in no file."""
    out_of_line = re.compile(r" ip 0x7fffffffe[0-9a-f]{3} code 5:")
    return [line for line in read(out, f"{name}/errors").splitlines() if not out_of_line.search(line)]


def windows_are_recorded(bench, out):
    said = []
    for name, (_, events, least) in CASES.items():
        seen = seen_by_perf(out, name)
        begin, end = (seen.get(event, 0) for event in events.split())
        need(begin >= least and end >= least, f"{name}: {begin} and {end} events of {events}, wanted {least} of each: {seen}")
        need(seen.get("instructions", 0) > 50, f"{name}: perf decodes no instructions: {seen}")
        equal(f"decode errors of {name} but for [uprobes]", errors_elsewhere(out, name), [])
        said.append(f"{name}: {begin} windows, {seen['instructions']} instructions")
    return "; ".join(said)


def tracectl_reads_it(bench, out):
    """Our reader finds the trace in perf's recording. (Its code is in the guest: not decoded here.)"""
    for name in CASES:
        done = bench.run([bench.tracectl, "info", "--json", os.path.join(out, name, "perf.data")])
        need(done.returncode in (0, 4), f"info of {name}: status {done.returncode}: {done.stderr.decode()[-500:]}")
        info = json.loads(done.stdout)
        need(info["streams"] >= 1 and info["bytes"] > 100, f"{name}: {info['bytes']} bytes of trace")
        equal(f"unknown records of {name}", info["loss"]["unknown_records"], 0)


def snapshots_have_no_line(bench, out):
    for name in NO_LINE:
        text = read(out, name)
        need("no equal perf record line" in text, f"{name}: check does not say that there is no line")
        need(not re.search(r"^  perf record -", text, re.M), f"{name}: check prints a line that is not equal")


if __name__ == "__main__":
    main(prepare, [perf_accepts, windows_are_recorded, tracectl_reads_it, snapshots_have_no_line])
