# SPDX-License-Identifier: MIT
"""`tracectl run` of programs, on two cpus: breakpoints, probes, threads, windows that move between cpus (where perf's way
loses them), full and ring buffers, ends of all kinds."""
import json
import os
import re

from guest import Tree, boot, equal, main, need, need_perf, perf_errors, perf_instructions, quiet_kernel, read, status

ROUNDS = 20


def script(bench):
    windows, migrate, ring = (bench.program(name) for name in ("windows_static", "migrate_static", "ring_static"))
    begin, end = (bench.symbols(migrate)[name][0] for name in ("begin_work", "end_work"))
    runs = {
        "spans": f"--window from=breakpoint:windows_static:begin_work,to=breakpoint:windows_static:end_work -- {windows} spans 20",
        "uprobes": f"--window function=windows_static:leaf -- {windows} calls 50",
        "threads": f"--window from=breakpoint:windows_static:leaf,to=breakpoint:windows_static:calls -- {windows} threads 5",
        "syscalls": "--window from=tracepoint:syscalls:sys_exit_close,to=tracepoint:syscalls:sys_enter_getppid "
                    f"-- {windows} syscalls 10",
        "moves": "--window from=breakpoint:migrate_static:begin_work,to=breakpoint:migrate_static:end_work "
                 f"-- {migrate} {ROUNDS}",
        "whole": f"--size 256KiB -- {ring} 3 600000",
        "ring": f"/ring.toml -- {ring} 3 200000",
        "often": f"/ring.toml -- {ring} 20 300",
        "crash": f"/ring.toml --snapshot-on crash -- {ring} 0 100000 crash",
        "filter": f"/filter.toml -- {windows} calls 50",
        "faults": f"--window from=event:page-faults,to=breakpoint:windows_static:leaf -- {windows} calls 5",
        "no_symbol": f"/no_symbol.toml -- {windows} calls 5",
        "drop": f"/drop.toml -- {ring} 0",
        "fails": "-- /bin/busybox false",
        "killed": "-- /bin/busybox sh -c 'kill -9 $$'",
        "missing": "-- /no/such/program",
    }
    lines = ["export HOME=/out"]
    for name, words in runs.items():
        lines += [f"tracectl run -q -o {name}.data {words} >{name}.out 2>{name}.err", f"echo $? >{name}.status"]
    # Breakpoints in the kernel: on its code, and on data that it reads.
    lines += ["address() { sed -n \"s/^\\([0-9a-f]*\\) [a-zA-Z] $1\$/0x\\1/p\" /proc/kallsyms | head -1; }",
              f"tracectl run -q -o kernel_code.data --scope kernel --window from=breakpoint:$(address __do_sys_newuname),"
              f"to=tracepoint:syscalls:sys_exit_newuname -- uname >kernel_code.out 2>kernel_code.err; echo $? >kernel_code.status",
              "printf 'plan = 1\n[trace]\nscope = \"kernel\"\n[[trigger]]\non = \"breakpoint:%s\"\naccess = \"rw\"\nlen = 4\n"
              "do = \"resume\"\n[[trigger]]\non = \"tracepoint:syscalls:sys_exit_newuname\"\ndo = \"pause\"\n' "
              "$(address init_uts_ns) >kernel_data.toml",
              "tracectl run -q -o kernel_data.data kernel_data.toml -- uname >kernel_data.out 2>kernel_data.err; "
              "echo $? >kernel_data.status"]
    lines += [f"perf record -q -o perf.data -e intel_pt/psb_period=0,aux-action=start-paused/u -e mem:{begin:#x}:x/aux-action=resume/u "
              f"-e mem:{end:#x}:x/aux-action=pause/u -- {migrate} {ROUNDS} >/dev/null 2>perf.err",
              "dmesg | grep -iE 'warn|bug:|oops' >dmesg", "true"]
    return "\n".join(lines) + "\n"


def prepare(bench):
    tree = Tree(bench)
    tree.tracectl()
    for name in ("windows_static", "migrate_static", "ring_static"):
        tree.program(bench.program(name))
    tree.text("/ring.toml", 'plan = 1\n[buffer]\nsize = "64KiB"\n[[trigger]]\non = "breakpoint:ring_static:report_error"\n'
                            'do = "snapshot"\nsize = "16KiB"\n')
    tree.text("/filter.toml", 'plan = 1\n[trace]\nfilter = ["windows_static:leaf"]\n')
    tree.text("/no_symbol.toml", 'plan = 1\n[trace]\nfilter = ["windows_static:nothing"]\n')
    tree.text("/drop.toml", 'plan = 1\n[buffer]\non_full = "drop"\n')
    return boot(tree, script(bench), cpus=2, icount=False)



def clean(bench, out, name, windows, allowed=()):
    equal(f"status of {name}: {read(out, name + '.err')[-500:]}", status(out, name), 0)
    info = bench.clean_info(f"{out}/{name}.data", allowed)
    equal(f"windows of {name}", info["windows"], windows)
    return info


def calls_of(bench, capture):
    """{function: calls} of a report."""
    done = bench.run([bench.tracectl, "report", "--json", "--limit", "0", capture])
    return {f["name"]: f["calls"] for f in json.loads(done.stdout)["functions"]}


def breakpoints(bench, out):
    clean(bench, out, "spans", 20)
    calls = calls_of(bench, f"{out}/spans.data")
    equal("calls of leaf", calls.get("leaf"), 20)


def probes(bench, out):
    """A window by function; the displaced instruction and the trampoline lie in the kernel's own page."""
    info = clean(bench, out, "uprobes", 50)
    need(info["instructions"] > 50 * 8, "instructions:", info["instructions"])


def threads(bench, out):
    """Four threads, each with its own group; the pause comes in none of them again."""
    info = clean(bench, out, "threads", 4)
    equal("threads with trace", info["threads"], 4)


def system_calls(bench, out):
    """Each round fails to close, asks for its parent (which pauses), and closes (which resumes): the last goes on to the end."""
    info = clean(bench, out, "syscalls", 11)
    equal("open windows", info["open_windows"], 1)
    need(info["instructions"] > 10, "instructions:", info["instructions"])


def moves(bench, out):
    """A window that begins on one cpu and ends on the other holds what lies between, all of it and no more."""
    clean(bench, out, "moves", ROUNDS)
    calls = calls_of(bench, f"{out}/moves.data")
    equal("calls of inside", calls.get("inside"), 2 * ROUNDS)
    equal("calls of outside", calls.get("outside", 0), 0)
    theirs = calls_of(bench, f"{out}/perf.data")
    need(theirs.get("inside", 0) < 2 * ROUNDS or theirs.get("outside", 0) > 0,
         "perf's way has it right too: this tests nothing", theirs)
    return f"perf's events, one for each cpu: inside {theirs.get('inside', 0)} of {2 * ROUNDS}, outside {theirs.get('outside', 0)}"


def wraps(bench, out):
    """A buffer that goes round some times; where the reader was late, what was cut is counted."""
    equal("status of whole", status(out, "whole"), 0)
    info = bench.info(f"{out}/whole.data", None)
    lost = {kind: count for kind, count in info["loss"].items() if count}
    need(set(lost) <= {"truncated", "undecodable"} and lost.get("undecodable", 0) <= lost.get("truncated", 0), "losses:", lost)
    need(info["bytes"] > 2 * (256 << 10), "the buffer never went round:", info["bytes"])
    return f"{info['bytes']} bytes through 256 KiB, {lost.get('truncated', 0)} times full"


def snapshots(bench, out):
    """Each ends at its breakpoint: the last branch is the call of report_error."""
    equal(f"status of ring: {read(out, 'ring.err')[-500:]}", status(out, "ring"), 0)
    info = bench.clean_info(f"{out}/ring.data")
    need(0 < info["bytes"] <= 3 * 16384, "bytes:", info["bytes"])
    calls = re.findall(r"call .*→ \S+ report_error$", bench.view("script", "branches", f"{out}/ring.data"), re.M)
    equal("pieces that lead into report_error", len(calls), 3)
    last = bench.view("script", "branches", "--last", "1", f"{out}/ring.data")
    need("call" in last and "report_error" in last, "the last branch:", last)
    often = bench.clean_info(f"{out}/often.data")
    calls = re.findall(r"call .*→ \S+ report_error$", bench.view("script", "branches", f"{out}/often.data"), re.M)
    equal("snapshots with next to nothing between them", len(calls), 20)
    return f"{info['bytes']} bytes, {info['instructions']} instructions; close together: {often['bytes']} bytes"


def crash(bench, out):
    """What led to a crash is kept, to the last branch."""
    equal("status", status(out, "crash"), 139)
    info = bench.clean_info(f"{out}/crash.data")
    need(info["instructions"] > 1000, "instructions:", info["instructions"])
    last = bench.view("script", "branches", "--last", "3", f"{out}/crash.data")
    need("main+" in last, "the last branches:", last)


def address_filters(bench, out):
    """The trace unit itself leaves out all but one function."""
    equal(f"status of filter: {read(out, 'filter.err')[-500:]}", status(out, "filter"), 0)
    info = bench.clean_info(f"{out}/filter.data")
    done = bench.run([bench.tracectl, "report", "--json", "--limit", "0", f"{out}/filter.data"])
    equal("functions", [f["name"] for f in json.loads(done.stdout)["functions"]], ["leaf"])
    need(info["instructions"] >= 50 * 5, "instructions:", info["instructions"])
    equal("status of no_symbol", status(out, "no_symbol"), 1)
    need("no function 'nothing'" in read(out, "no_symbol.err"), "no_symbol:", read(out, "no_symbol.err"))
    return f"{info['instructions']} instructions of 50 calls"


def events(bench, out):
    """A resume by an event with a period: the next page fault."""
    equal(f"status of faults: {read(out, 'faults.err')[-500:]}", status(out, "faults"), 0)
    need(bench.clean_info(f"{out}/faults.data")["windows"] >= 1, "no page fault resumed")


def kernel_breakpoints(bench, out):
    clean(bench, out, "kernel_code", 1)
    need("newuname" in bench.view("script", "calls", f"{out}/kernel_code.data"), "no newuname in it")
    info = clean(bench, out, "kernel_data", 1)
    need(info["instructions"] > 100, "instructions behind the read:", info["instructions"])


def refused(_, out):
    """What this machine does not do yet is refused before the program starts, in words."""
    equal("status of drop", status(out, "drop"), 3)
    need("cannot do on_full" in read(out, "drop.err"), "drop:", read(out, "drop.err"))
    equal("output of drop", read(out, "drop.out"), "")


def ends(_, out):
    equal("status of false", status(out, "fails"), 1)
    equal("status of a program killed by SIGKILL", status(out, "killed"), 137)
    equal("status of no program", status(out, "missing"), 127)
    need("/no/such/program" in read(out, "missing.err"), "nobody said why:", read(out, "missing.err"))


def read_by_perf(bench, out):
    need_perf(bench)
    for name in ("spans", "syscalls", "moves"):
        capture = os.path.join(out, f"{name}.data")
        equal(f"errors of perf, {name}", perf_errors(bench, capture), 0)
        # perf begins at the first PSB, which may stand behind the trace's first packets; we begin with those.
        (ours,), theirs = bench.instructions(capture).values(), [int(ip, 16) for ip in perf_instructions(bench, capture)]
        need(theirs, f"{name}: perf decodes nothing")
        need(theirs == ours[-len(theirs):], f"{name}: perf's {len(theirs)} instructions are not the last of our {len(ours)}")



if __name__ == "__main__":
    main(prepare, [breakpoints, probes, threads, system_calls, moves, wraps, snapshots, crash, address_filters, events, kernel_breakpoints, refused, ends, read_by_perf, quiet_kernel])
