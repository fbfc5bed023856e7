# SPDX-License-Identifier: MIT
"""Ends that nobody planned: tracectl killed with SIGKILL while the program runs, tracectl standing still while a buffer fills,
and captures without any trace, which say why."""
import json
import re

from guest import Tree, boot, equal, main, need, need_perf, perf_errors, quiet_kernel, read, status

NOBODY = 65534
LIMIT = 300  # seconds for one run, where the cpu has much else to do
WINDOW = "--window from=breakpoint:odd_static:begin_work,to=breakpoint:odd_static:end_work"
# tracectl is killed so many seconds behind this line of the program's output.
KILLS = {"k1": ("", 0), "k2": ("at 0", 0), "k3": ("at 50", 0.013), "k4": ("at 150", 0.021), "k5": ("at 300", 0.007)}
# name: options, command, status, what is said.
EMPTY = {
    "never": (WINDOW, "ODD ids", 0, "'breakpoint:odd_static:begin_work' was never hit: it resumes the trace"),
    "nowhere": ("--window from=breakpoint:odd_static:nosuch,to=breakpoint:odd_static:end_work", "ODD ids", 0,
                "'breakpoint:odd_static:nosuch' was never found"),
    "filter": ("/filter.toml", "ODD tick 2", 42, "'tracepoint:syscalls:sys_exit_write' never came with a true filter, `ret < -5`"),
    "ring": ("--trigger breakpoint:odd_static:begin_work=snapshot", "ODD ids", 0,
             "'breakpoint:odd_static:begin_work' was never hit: it takes the snapshots"),
    "missing": ("", "/no/such/program", 127, "cannot run '/no/such/program'"),
    "busy": ("", "ODD ids", 1, "somebody else traces here already"),
    "denied": ("", "ODD ids", 3, "perf_event_paranoid is 3"),
    "small": ("/small.toml", "ODD slow 20000", 6, "decoding can start nowhere in it"),
}
# perf starts its program when it has its events.
BUSY = "touch /recording; until [ -e /over ]; do sleep 0.1; done"
RECORDING = "for try in $(seq 1200); do [ -e /recording ] && break; sleep 0.1; done"
OVER = "touch /over; wait"


def empty_lines():
    lines = []
    for name, (options, command, _, _) in EMPTY.items():
        who = f"as_user {NOBODY} none " if name == "denied" else ""
        run = f"keep {name} {who}tracectl run -q --machine kernel -o n/{name}.data {options} -- {command}"
        if name == "busy":
            run = f"perf record -q -a -o perf.data -e intel_pt// -- sh -c '{BUSY}' >/dev/null 2>perf.err &\n{RECORDING}\n{run}\n{OVER}"
        if name == "denied":
            run = f"echo 3 >/proc/sys/kernel/perf_event_paranoid\n{run}\necho -1 >/proc/sys/kernel/perf_event_paranoid"
        lines.append(run)
    return "\n".join(lines)


SCRIPT = f"""
export HOME=/tmp
keep() {{ local name=$1; shift; timeout -s KILL {LIMIT} "$@" >$name.out 2>$name.err; echo $? >$name.status; }}
mkdir -m 0777 n
keep alone ODD tick 400
kill_at() {{
  tracectl run -q -o $1.data --size 64KiB {WINDOW} -- /bin/busybox sh -c "ODD tick 400 >$1.out; echo \\$? >$1.status" 2>$1.err &
  tracectl=$!
  until [ -e $1.out ] && {{ [ -z "$2" ] || grep -q "$2" $1.out; }}; do sleep 0.01; done
  sleep $3
  kill -9 $tracectl
  wait $tracectl 2>/dev/null
  echo $? >$1.tracectl
}}
{" & ".join(f"kill_at {name} '{line}' {seconds}" for name, (line, seconds) in KILLS.items())} &
wait
for name in {" ".join(KILLS)}; do
  for try in $(seq 1200); do [ -s $name.status ] && break; sleep 0.1; done
done
keep slow tracectl run -q -o slow.data --size 64KiB -- ODD slow 20000
EMPTY
dmesg | grep -iE 'warn|bug:|oops' >dmesg
true
"""


def prepare(bench):
    tree = Tree(bench)
    tree.tracectl()
    program = tree.program(bench.program("odd_static"))
    tree.add(bench.program("as_user"), "/usr/bin/as_user", 0o755)
    tree.text("/filter.toml", 'plan = 1\n[[trigger]]\non = "tracepoint:syscalls:sys_exit_write"\ndo = "resume"\n'
                              'filter = "ret < -5"\n[[trigger]]\non = "tracepoint:syscalls:sys_enter_write"\ndo = "pause"\n')
    tree.text("/small.toml", 'plan = 1\n[trace.intel_pt]\npsb_period = 5\n[buffer]\nsize = "4KiB"\nmode = "ring"\n')
    script = re.sub(r"\bODD\b", program, SCRIPT.replace("\nEMPTY\n", "\n" + empty_lines() + "\n"))
    return boot(tree, script, cpus=2, icount=False)



def killed(bench, out):
    """The program goes on to its own end; what was written can be read, and by perf behind `repair`."""
    equal("status alone", status(out, "alone"), 42)
    said = []
    for name in KILLS:
        equal(f"status of tracectl, {name}", read(out, name + ".tracectl").strip(), "137")
        equal(f"status of {name}", status(out, name), 42)
        equal(f"output of {name}", read(out, name + ".out"), read(out, "alone.out"))
        info = bench.info(f"{out}/{name}.data", None)
        equal(f"decode errors of {name}", info["decode_errors"], 0)
        need("unfinished" in bench.view("info", f"{out}/{name}.data", status=None), f"info does not say that {name} is unfinished")
        said.append(info["windows"])
    need(max(said) > 100 and min(said) < 400, "the kills all came at one time, windows:", said)
    return f"windows: {said}"


def repaired(bench, out):
    need_perf(bench)
    for name in KILLS:
        before = bench.info(f"{out}/{name}.data", None)
        bench.view("repair", f"{out}/{name}.data", status=None)
        equal(f"errors of perf, {name}", perf_errors(bench, f"{out}/{name}.data"), 0)
        after = bench.info(f"{out}/{name}.data", None)
        equal(f"instructions of {name} behind repair", after["instructions"], before["instructions"])


def stands_still(bench, out):
    """tracectl stood still while most of the trace came: that is counted and placed, and decoding goes on behind it."""
    equal(f"status: {read(out, 'slow.err')[-500:]}", status(out, "slow"), 6)
    equal("output", read(out, "slow.out"), "worked\n")
    info = bench.info(f"{out}/slow.data", 4)
    need(info["loss"]["truncated"] >= 1, "losses:", info["loss"])
    need({kind for kind, n in info["loss"].items() if n} <= {"truncated", "undecodable"}, "losses:", info["loss"])
    need("truncated" in read(out, "slow.err"), "run does not say it:", read(out, "slow.err"))
    lines = bench.view("script", "branches", f"{out}/slow.data", status=None).splitlines()
    losses = [i for i, line in enumerate(lines) if "! truncated" in line]
    places = {word: [i for i, line in enumerate(lines) if re.search(rf"→ \S+ {word}\b", line)]
              for word in ("before", "meanwhile", "after")}
    need(all(places.values()) and losses, "branches of:", {k: len(v) for k, v in places.items()}, "losses:", len(losses))
    need(places["meanwhile"][-1] < losses[0] < places["after"][0], "places of the losses:", losses,
         {k: (v[0], v[-1]) for k, v in places.items()})
    return f"{info['loss']['truncated']} times full, {info['bytes']} bytes"


def says_why(bench, out):
    """At the end of run, in info and in report."""
    for name, (_, _, wanted, words) in EMPTY.items():
        said = read(out, name + ".err")
        equal(f"status of {name}: {said[-500:]}", status(out, name), wanted)
        capture = f"{out}/n/{name}.data"
        info = json.loads(bench.view("info", "--json", capture, status=None))
        equal(f"instructions of {name}", info["instructions"], 0)
        for where, text in (("info", bench.view("info", "--decode", capture, status=None)), ("JSON", " ".join(info["why_empty"])),
                            ("report", bench.view("report", capture, status=None))) + ((("run", said),) if name != "small" else ()):
            need(words in text, f"{where} does not say why {name} is empty:", text[-800:])



if __name__ == "__main__":
    main(prepare, [killed, repaired, stands_still, says_why, quiet_kernel])
