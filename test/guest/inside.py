# SPDX-License-Identifier: MIT
"""`tracectl run` inside a system call, against `perf record` with the same events, under the kernel's own driver: the same
kernel functions in the same order, window for window."""
import itertools
import re

from guest import (UNAME_LOOP, Tree, boot, equal, main, need, need_perf, perf_errors, perf_instructions, quiet_kernel,
                   read, uninterrupted, with_plans)

PERF = ("-e intel_pt/psb_period=0,noretcomp=1,mtc=0,aux-action=start-paused/k "
        "-e syscalls:sys_enter_newuname/aux-action=resume/ -e syscalls:sys_exit_newuname/aux-action=pause/")
SCRIPT = f"""
export HOME=/out
tracectl run -q -o once.data /plans/inside_syscall.toml -- /usr/bin/uname >once.out 2>once.err
echo $? >once.status
tracectl run -q -o loop.data /plans/inside_syscall.toml -- /bin/busybox sh -c '{UNAME_LOOP}' >loop.out 2>loop.err
echo $? >loop.status
perf record -q --kcore -o perf.once.data {PERF} -- /usr/bin/uname >/dev/null 2>perf.err
perf record -q --kcore -o perf.loop.data {PERF} -- /bin/busybox sh -c '{UNAME_LOOP}' 2>>perf.err
perf script -i loop.data --itrace=i0ns -F event,ip 2>/dev/null | grep -c '^ *instructions' >loop.newer_perf
perf script -i loop.data --itrace=e 2>/dev/null | grep -c 'error type' >loop.newer_perf_errors
dmesg | grep -iE 'warn|bug:|oops' >dmesg
true
"""


def prepare(bench):
    return boot(with_plans(Tree(bench)), SCRIPT)


def windows(bench, capture):
    """Of each window the kernel's functions, in the order in which it ran in them, interrupts apart."""
    out, count = [], bench.info(capture)["windows"]
    for number in range(1, count + 1):
        text = bench.view("script", "instructions", capture, "--window", str(number))
        names = re.findall(r"^\s*\d+\s+[0-9a-f]+ (\S+?)(?:\+0x[0-9a-f]+)?\s", text, re.M)
        need(names, f"{capture}, window {number} has no instruction:\n{text[:500]}")
        out.append([name for name, _ in itertools.groupby(uninterrupted(names, str))])
    return out


def clean(bench, out, name, wanted):
    equal(f"status of {name}", read(out, f"{name}.status").strip(), "0")
    info = bench.clean_info(f"{out}/{name}.data")
    equal(f"windows of {name}", info["windows"], wanted)
    equal("open windows", info["open_windows"], 0)
    return info


def once(bench, out):
    """Only the path inside newuname(2), to its end."""
    info = clean(bench, out, "once", 1)
    equal("the program's output", read(out, "once.out"), "Linux\n")
    (functions,) = windows(bench, f"{out}/once.data")
    need("__do_sys_newuname" in functions, "no newuname:", functions)
    need(not any(name in functions for name in ("ksys_write", "do_exit", "__x64_sys_write")), "the window goes on:", functions)
    (theirs,) = windows(bench, f"{out}/perf.once.data")
    equal("functions", functions, theirs)
    return f"{info['instructions']} instructions, {len(functions)} steps from function to function"


def loop(bench, out):
    """Ten more in children: the shell's own call and one of each, as perf sees them."""
    info = clean(bench, out, "loop", 11)
    ours, theirs = windows(bench, f"{out}/loop.data"), windows(bench, f"{out}/perf.loop.data")
    equal("windows", len(ours), len(theirs))
    equal("functions of all windows", sorted(ours), sorted(theirs))
    return f"{info['instructions']} instructions in {info['windows']} windows of {info['threads']} threads"


def both_perfs(bench, out):
    """perf 6.1 here and the guest's newer one read our capture, kernel code too."""
    need_perf(bench)
    capture = f"{out}/loop.data"
    count = bench.info(capture)["instructions"]
    equal("errors of perf here", perf_errors(bench, capture), 0)
    equal("instructions of perf here", len(perf_instructions(bench, capture)), count)
    equal("errors of the guest's perf", read(out, "loop.newer_perf_errors").strip(), "0")
    equal("instructions of the guest's perf", read(out, "loop.newer_perf").strip(), str(count))



if __name__ == "__main__":
    main(prepare, [once, loop, both_perfs, quiet_kernel])
