# SPDX-License-Identifier: MIT
"""[collect] on the kernel machine: trace in periods by the clock, nothing between them, with the kernel's own driver: a command,
a process that runs already, inherited events, all cpus."""
import re

from guest import Tree, boot, equal, main, need, need_perf, perf_errors, quiet_kernel, read

# Each run works until /goes-on is gone. `lines N`: until N periods are over.
SCRIPT = """
export HOME=/out
begin() {{ touch /goes-on; name=$1; shift; tracectl run -q -o $name.data "$@" >$name.out 2>$name.err & pid=$!; }}
lines() {{ for i in $(seq 200); do [ "$(grep -c '^[0-9]' $name.data/periods 2>/dev/null)" -ge $1 ] && break; sleep 0.2; done; }}
finish() {{ rm -f /goes-on; wait $pid; echo $? >$name.rc; }}

begin command /collect.toml -- {hand} /goes-on threads
lines 5; finish
begin first /first.toml -- {hand} /goes-on
lines 3; finish
begin inherited /per_cpu.toml -- {hand} /goes-on threads
lines 5; finish

touch /goes-on; {hand} /goes-on threads >running.out & running=$!
sleep 1
name=joined; tracectl run -q -o joined.data /collect.toml --pid $running >joined.out 2>joined.err & pid=$!
lines 5; finish; wait $running

begin cpus /collect.toml --all-cpus -- {hand} /goes-on
lines 5; finish

begin most /most.toml -- {hand} /goes-on
lines 1; for i in $(seq 200); do [ -S most.data/control ] || break; sleep 0.2; done
kill -0 $pid && echo alive >most.alive
finish
dmesg | grep -iE 'warn|bug:|oops' >dmesg
true
"""
COLLECT = 'plan = 1\n[trace]\n{trace}\n[collect]\nevery = "400ms"\nfor = "100ms"\n{more}\n'


def prepare(bench):
    tree = Tree(bench)
    tree.tracectl()
    hand = tree.program(bench.program("hand_static"))
    for name, trace, more in (("collect", "", ""), ("first", 'start = "paused"', ""), ("per_cpu", 'threads = "per-cpu"', ""),
                              ("most", "", 'max_bytes = "200KiB"')):
        tree.text(f"/{name}.toml", COLLECT.format(trace=trace, more=more))
    return boot(tree, SCRIPT.format(hand=hand), cpus=2, icount=False)


def periods(out, name):
    lines = read(out, f"{name}.data/periods").splitlines()
    return [tuple(map(int, line.split())) for line in lines if not line.startswith("#")]


def counted(bench, capture):
    return len(re.findall(r"^ +\d+ +step\b", bench.view("script", "calls", capture, status=None), re.M))


def check(bench, out, name, least, output=None):
    """Whole periods, in which some of the program's calls are, and not all of them."""
    equal(f"status of run: {read(out, name + '.err')}", read(out, name + ".rc").strip(), "0")
    found = periods(out, name)
    need(len(found) >= least, f"{name}: periods:", found)
    for begin, end, quiet, _ in found[:-1]:
        need(end - begin >= 99_000_000 and quiet >= end, f"{name}: a period is too short:", found)
    seen, made = counted(bench, f"{out}/{name}.data"), 20 * sum(map(int, read(out, output or name + ".out").split()[1:3]))
    need(0 < seen < made, f"{name}: {seen} of {made} calls are in the trace")
    return f"{len(found)} periods, {seen} of {made} calls"


def command(bench, out):
    words = check(bench, out, "command", 5)
    info = bench.clean_info(f"{out}/command.data", ("truncated",))
    equal("threads", info["threads"], 2)
    equal("windows", info["windows"], 0)
    return words


def pause_first(bench, out):
    words = check(bench, out, "first", 3)
    bench.clean_info(f"{out}/first.data", ("truncated",))
    return words


def inherited(bench, out):
    """The kernel switches children's events too."""
    words = check(bench, out, "inherited", 5)
    bench.clean_info(f"{out}/inherited.data", ("truncated",))
    return words


def joined(bench, out):
    words = check(bench, out, "joined", 5, "running.out")
    equal("threads", bench.clean_info(f"{out}/joined.data", ("truncated",))["threads"], 2)
    return words


def cpus(bench, out):
    # The guest's other programs are not on this computer, so not all of it decodes: ours must be there.
    return check(bench, out, "cpus", 5)


def most(bench, out):
    """max_bytes ends the session between two periods; the program goes on."""
    words = check(bench, out, "most", 1)
    need("stopped by limit: max_bytes" in read(out, "most.err"), "run says why:", read(out, "most.err"))
    equal("the program", read(out, "most.alive").strip(), "alive")
    found = periods(out, "most")
    need(found[-1][3] >= 200 << 10 and all(p[3] < 200 << 10 for p in found[:-1]), "bytes:", found)
    bench.clean_info(f"{out}/most.data", ("truncated",))
    return words


def times(bench, out):
    """The kernel hands trace over within periods only."""
    need_perf(bench)
    slack = 1_000_000  # ns: perf's clock and what its page tells of it
    for name in ("command", "first", "inherited", "joined", "cpus", "most"):
        dump = bench.run(["perf", "script", "-i", f"{out}/{name}.data", "-D"]).stdout.decode(errors="replace")
        found = re.findall(r"(\d+) 0x[0-9a-f]+ \[0x[0-9a-f]+\]: PERF_RECORD_AUX offset: \S+ size: (\S+)", dump)
        moments = [int(when) for when, size in found if int(size, 16) != 0]
        need(moments, f"{name}: no AUX record")
        for moment in moments:
            need(any(begin - slack <= moment <= end + slack for begin, end, _, _ in periods(out, name)),
                 f"{name}: trace at {moment}, outside of", periods(out, name))


def read_by_perf(bench, out):
    need_perf(bench)
    for name in ("command", "joined", "most"):
        equal(f"errors of perf, {name}", perf_errors(bench, f"{out}/{name}.data"), 0)


if __name__ == "__main__":
    main(prepare, [command, pause_first, inherited, joined, cpus, most, times, read_by_perf, quiet_kernel])
