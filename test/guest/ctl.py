# SPDX-License-Identifier: MIT
"""tracectl ctl on the kernel machine: a running session is asked, paused, resumed, snapshot and stopped from outside, with
the kernel's own driver behind it."""
import json

from guest import Tree, boot, equal, main, need, need_perf, perf_errors, quiet_kernel, read

# Each run works until /goes-on is gone. `c WHAT NAME`: one request; its answer in NAME.json, its status in NAME.rc.
SCRIPT = """
export HOME=/out
start() {{ touch /goes-on; name=$1; shift; tracectl run -q -o $name.data "$@" >$name.out 2>$name.err & pid=$!
  for i in $(seq 600); do tracectl ctl status --json $name.data 2>/dev/null | grep -q tid && break; sleep 0.1; done; sleep 0.5; }}
c() {{ tracectl ctl $1 --json $name.data >$2.json 2>$2.err; echo $? >$2.rc; }}
bytes() {{ sed -n 's/.*"trace_bytes": *\\([0-9]*\\).*/\\1/p' $1.json | head -1; }}
# Statuses A and B, half a second apart, between which no trace came; or the last two of many. The guest may be slow.
still() {{ for i in $(seq 120); do c status $1; sleep 0.5; c status $2; [ "$(bytes $1)" = "$(bytes $2)" ] && break; done; }}
# A status with more trace than A has.
grown() {{ for i in $(seq 120); do c status $2; [ "$(bytes $2)" -gt "$(bytes $1)" ] && break; sleep 0.5; done; }}
finish() {{ rm -f /goes-on; wait $pid; echo $? >$name.rc; }}

start two -- {hand} /goes-on threads
c status two.1; grown two.1 two.2
c pause two.pause; still two.3 two.4
c resume two.resume; grown two.4 two.5; grown two.5 two.6
c snapshot two.snapshot
finish

start window --window function=hand_static:step -- {hand} /goes-on
c status window.1; c pause window.pause; sleep 0.5; c status window.2
finish

start ring /ring.toml -- {hand} /goes-on
c snapshot ring.1; sleep 0.3; c snapshot ring.2; c status ring.3
finish

start cpus --all-cpus -- {hand} /goes-on
c status cpus.1; c pause cpus.pause; still cpus.2 cpus.3; c resume cpus.resume; grown cpus.3 cpus.4
c stop cpus.stop
finish

start inherited /per_cpu.toml -- {hand} /goes-on
c status inherited.1; c pause inherited.pause
finish

start ends -- {hand} /goes-on
c stop ends.stop; sleep 1; c status ends.after
tracectl info --no-decode ends.data >ends.info 2>&1; echo $? >ends.inforc
kill -0 $pid && echo alive >ends.alive
finish

start dead -- {hand} /goes-on
kill -9 $(pgrep -f 'tracectl run -q -o dead.data' | head -1) $pid 2>/dev/null; sleep 0.5
c status dead.1
rm -f /goes-on
cat /proc/uptime >/dev/null
dmesg | grep -iE 'warn|bug:|oops' >dmesg
true
"""


def prepare(bench):
    tree = Tree(bench)
    tree.tracectl()
    hand = tree.program(bench.program("hand_static"))
    tree.text("/ring.toml", 'plan = 1\n[buffer]\nmode = "ring"\nsize = "64KiB"\n[[trigger]]\non = "breakpoint:hand_static:never"\n'
                            'do = "snapshot"\n')
    tree.text("/per_cpu.toml", 'plan = 1\n[trace]\nthreads = "per-cpu"\n')
    return boot(tree, SCRIPT.format(hand=hand), cpus=2, icount=False)


def answer(out, name):
    equal(f"status of {name}: {read(out, name + '.err')}", read(out, name + ".rc").strip(), "0")
    return json.loads(read(out, name + ".json"))


def refusal(out, name, status):
    equal(f"status of {name}", read(out, name + ".rc").strip(), str(status))
    return read(out, name + ".err")


def traced(status):
    return sum(t["bytes"] for t in status["threads"])


def states(status):
    return [t["state"] for t in status["threads"]]


def pause_and_resume(bench, out):
    """Paused means that no trace comes, of any thread, until the resume."""
    steps = {i: answer(out, f"two.{i}") for i in range(1, 7)}
    need(steps[1]["machine"] == "kernel" and states(steps[2]) == ["running"] * 2, "running:", steps[2])
    need(traced(steps[2]) > traced(steps[1]), "trace before the pause:", steps[1], steps[2])
    equal("threads paused", answer(out, "two.pause")["threads"], 2)
    equal("states in the pause", states(steps[3]), ["paused"] * 2)
    equal("bytes in half a second of pause", traced(steps[4]), traced(steps[3]))
    equal("trace written in the pause", steps[4]["trace_bytes"], steps[3]["trace_bytes"])
    equal("threads resumed", answer(out, "two.resume")["threads"], 2)
    equal("states behind it", states(steps[6]), ["running"] * 2)
    need(traced(steps[6]) > traced(steps[5]) > traced(steps[4]), "trace behind the resume:", traced(steps[4]), traced(steps[5]))
    need("keeps everything" in refusal(out, "two.snapshot", 2), "a snapshot in full mode")
    equal("status of run", read(out, "two.rc").strip(), "0")
    info = bench.clean_info(f"{out}/two.data", ("truncated",))
    equal("threads", info["threads"], 2)
    return f"{info['bytes']} bytes, {info['instructions']} instructions"


def windows(bench, out):
    """The plan's own triggers go on acting, and a hand makes no window."""
    before, after = answer(out, "window.1"), answer(out, "window.2")
    equal("threads paused", answer(out, "window.pause")["threads"], 1)
    need(after["windows"] > before["windows"] > 0, "windows:", before["windows"], after["windows"])
    need(after["loss"]["split_window"] <= 1, "windows cut:", after["loss"]["split_window"])
    info = bench.clean_info(f"{out}/window.data", ("split_window", "truncated", "lost_records"))
    recorded = json.loads(read(out, "window.data/capture.json"))
    equal("windows read and told", info["windows"], recorded["windows"])


def groups_on_cpus(bench, out):
    """They act on each cpu; inherited events cannot, and that is said."""
    steps = {i: answer(out, f"cpus.{i}") for i in range(1, 5)}
    equal("cpus", [t["cpu"] for t in steps[1]["threads"]], [0, 1])
    equal("cpus paused", answer(out, "cpus.pause")["threads"], 2)
    equal("bytes in half a second of pause", traced(steps[3]), traced(steps[2]))
    equal("states", states(steps[3]), ["paused"] * 2)
    answer(out, "cpus.resume")
    need(traced(steps[4]) > traced(steps[3]), "trace behind the resume:", traced(steps[3]), traced(steps[4]))
    answer(out, "cpus.stop")
    # The guest's other programs are not on this computer, so not all of it decodes: ours must be there.
    lines = bench.view("script", "branches", f"{out}/cpus.data", status=None).splitlines()
    need(any("step+" in line for line in lines), "the program is in the trace")
    need(answer(out, "inherited.1")["threads"], "events on cpus")
    need("inherited" in refusal(out, "inherited.pause", 3), "in words")


def snapshots(bench, out):
    kept = [answer(out, f"ring.{i}")["bytes"] for i in (1, 2)]
    need(min(kept) > 1000, "bytes kept:", kept)
    status = answer(out, "ring.3")
    equal("trace written", (status["trace_bytes"], status["snapshots"]), (sum(kept), 2))
    info = bench.clean_info(f"{out}/ring.data")
    need(0 <= info["bytes"] - sum(kept) <= 2 * 7, "bytes, each piece padded to 8:", info["bytes"], kept)
    need(info["instructions"] > 1000, "instructions:", info["instructions"])


def stopped(bench, out):
    """The capture is whole while the program runs on, to its own status."""
    answer(out, "ends.stop")
    need("no session runs" in refusal(out, "ends.after", 1), "it is over")
    equal(f"status of info meanwhile: {read(out, 'ends.info')}", read(out, "ends.inforc").strip(), "0")
    equal("the program", read(out, "ends.alive").strip(), "alive")
    equal("status of run", read(out, "ends.rc").strip(), "0")
    need("rounds" in read(out, "ends.out"), "the program's end:", read(out, "ends.out"))
    need("stopped by tracectl ctl stop" in read(out, "ends.err"), "run says why:", read(out, "ends.err"))
    need(bench.clean_info(f"{out}/ends.data")["instructions"] > 1000, "instructions")


def killed(_, out):
    need("left by a tracectl that was killed" in refusal(out, "dead.1", 1), "in words")


def read_by_perf(bench, out):
    need_perf(bench)
    for name in ("two", "ends", "ring"):
        equal(f"errors of perf, {name}", perf_errors(bench, f"{out}/{name}.data"), 0)



if __name__ == "__main__":
    main(prepare, [pause_and_resume, windows, groups_on_cpus, snapshots, stopped, killed, read_by_perf, quiet_kernel])
