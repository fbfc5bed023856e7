# SPDX-License-Identifier: MIT
"""`tracectl run` of what runs already (--pid, --tid, --all-cpus, --cgroup), and of groups that sit on cpus: on two cpus."""
import re

from guest import Tree, boot, equal, main, need, need_perf, perf_errors, quiet_kernel, read, status
from run import calls_of, clean

ROUNDS = 10
WORK = "from=breakpoint:attach_static:begin_work,to=breakpoint:attach_static:end_work"


def attached(name, program, options, target, deeds="echo >&3"):
    """The program runs and waits; tracectl comes; then `deeds`, and its input ends."""
    return f"""rm -f fifo; mkfifo fifo
{program} {ROUNDS} <fifo >{name}.ready & app=$!
exec 3>fifo
until grep -q ready {name}.ready; do sleep 0.1; done
set -- $(cat {name}.ready)
tracectl run -q -o {name}.data {options} {target} 3>&- >{name}.out 2>{name}.err & recorder=$!
for i in $(seq 1200); do [ -S {name}.data/control ] && break; sleep 0.1; done
{deeds}
sleep 1; exec 3>&-
wait $app; echo $? >{name}.app
wait $recorder; echo $? >{name}.status
"""


def script(bench):
    attach, windows, migrate = (bench.program(name) for name in ("attach_static", "windows_static", "migrate_static"))
    leaf = f"--window function={attach}:leaf"
    parts = ["export HOME=/out"]
    parts.append(attached("pid", attach, f"--window {WORK}", "--pid $2"))
    parts.append(attached("tid", attach, f"--window {WORK}", "--tid $3"))
    parts.append(attached("by_cpu", attach, f"/by_cpu.toml --window {WORK}", "--pid $2"))
    parts.append(attached("probes", attach, leaf, "--pid $2"))
    # Ctrl-C ends the session; the program goes on, and does its rounds untraced.
    parts.append(attached("leave", attach, f"--window {WORK}", "--pid $2",
                          f"echo >&3; for i in $(seq 300); do tracectl ctl status --json leave.data | grep -q '\"windows\": *{3 * ROUNDS}\\b' && "
                          "break; sleep 0.2; done; kill -INT $recorder; sleep 1; echo >&3"))
    # A command beside: for as long as it runs.
    parts.append(f"{attach} 1 loop >loop.ready & app=$!\nuntil grep -q ready loop.ready; do sleep 0.1; done\n"
                 f"tracectl run -q -o beside.data --size 64KiB --window {WORK},limit=5 --pid $app -- sh -c 'sleep 1; exit 9' "
                 f"2>beside.err; echo $? >beside.status\nkill -0 $app && echo lives >beside.app; kill $app")
    parts.append(f"tracectl run -q -o all.data {leaf} -a -- sh -c 'echo | {attach} {ROUNDS}' >all.out 2>all.err; echo $? >all.status")
    # The guest's kernel has the controller in version 1's hierarchy only (perf -G fails on version 2 as well).
    parts.append("mkdir -p /sys/fs/cgroup/perf_event /cgroups; mount -t cgroup -o perf_event none /cgroups 2>cgroup.mount; mkdir /cgroups/box")
    parts.append(f"tracectl run -q -o cgroup.data {leaf} --cgroup /cgroups/box -- "
                 f"sh -c 'echo | {attach} 3; echo $$ >/cgroups/box/cgroup.procs; echo | {attach} {ROUNDS}' "
                 ">cgroup.out 2>cgroup.err; echo $? >cgroup.status")
    parts.append(f"taskset 1 tracectl run -q -o one_cpu.data /by_cpu.toml --window from=breakpoint:windows_static:begin_work,"
                 f"to=breakpoint:windows_static:end_work -- {windows} spans 20 2>one_cpu.err; echo $? >one_cpu.status")
    parts.append(f"tracectl run -q -o split.data /by_cpu.toml --window from=breakpoint:migrate_static:begin_work,"
                 f"to=breakpoint:migrate_static:end_work -- {migrate} 20 >split.out 2>split.err; echo $? >split.status")
    parts.append(f"tracectl run -q -o limit.data --window function={windows}:leaf,limit=3 -- {windows} calls 50 "
                 "2>limit.err; echo $? >limit.status")
    parts.append("tracectl run -q -o nobody.data --pid 99999 2>nobody.err; echo $? >nobody.status")
    parts.append("tracectl run -q -o self.data --pid $$ -- true 2>self.err; echo $? >self.status")
    parts.append("dmesg | grep -iE 'warn|bug:|oops' >dmesg; true")
    return "\n".join(parts) + "\n"


def prepare(bench):
    tree = Tree(bench)
    tree.tracectl()
    for name in ("attach_static", "windows_static", "migrate_static"):
        tree.program(bench.program(name))
    tree.text("/by_cpu.toml", 'plan = 1\n[trace]\nthreads = "per-cpu"\n')
    return boot(tree, script(bench), cpus=2, icount=False)


def program_ended(out, name):
    equal(f"status of {name}'s program", read(out, f"{name}.app").strip(), "0")


def whole_process(bench, out):
    info = clean(bench, out, "pid", 3 * ROUNDS)
    equal("threads", info["threads"], 3)
    equal("calls of leaf", calls_of(bench, f"{out}/pid.data").get("leaf"), 3 * ROUNDS)
    program_ended(out, "pid")


def one_thread(bench, out):
    info = clean(bench, out, "tid", ROUNDS)
    equal("threads", info["threads"], 1)
    program_ended(out, "tid")


def by_cpu(bench, out):
    """Nobody is held; the groups sit on cpus. What a move between cpus did to windows is said."""
    equal("status of by_cpu: " + read(out, "by_cpu.err")[-500:], status(out, "by_cpu"), 0)
    info = bench.info(f"{out}/by_cpu.data", None)
    equal("errors", info["decode_errors"], 0)
    calls = calls_of(bench, f"{out}/by_cpu.data").get("leaf", 0)
    need(calls == 3 * ROUNDS or info["loss"]["split_window"] > 0, "calls of leaf:", calls, info["loss"])
    program_ended(out, "by_cpu")
    return f"{calls} of {3 * ROUNDS} calls, split: {info['loss']['split_window']}"


def probes_of_a_process(bench, out):
    info = clean(bench, out, "probes", 3 * ROUNDS)
    need(info["instructions"] > 3 * ROUNDS * 8, "instructions:", info["instructions"])


def left_alone(bench, out):
    """After Ctrl-C the program runs on as if nobody had been there."""
    clean(bench, out, "leave", 3 * ROUNDS)
    program_ended(out, "leave")


def command_beside(bench, out):
    equal("status of the command: " + read(out, "beside.err")[-500:], status(out, "beside"), 9)
    equal("the program", read(out, "beside.app").strip(), "lives")
    need(bench.info(f"{out}/beside.data", None)["windows"] >= 5, "windows of beside")


def only_strangers(bench, capture):
    """What else ran is in the trace too, and may not be on this computer: tracectl's libraries, the guest's shell."""
    text = bench.run([bench.tracectl, "script", "branches", capture]).stdout.decode(errors="replace")
    need("leaf" in text, "no code of the program:", text[-500:])
    lost = [line for line in text.splitlines() if "trace lost" in line and "no memory mapped at this address" not in line]
    equal("errors", lost, [])


def everything(bench, out):
    equal("status of all: " + read(out, "all.err")[-500:], status(out, "all"), 0)
    info = bench.info(f"{out}/all.data", None)
    only_strangers(bench, f"{out}/all.data")
    need(info["windows"] + info["loss"]["split_window"] >= 3 * ROUNDS, "windows:", info)
    need(info["instructions"] > 3 * ROUNDS * 8, "instructions:", info)


def cgroup(bench, out):
    equal("status of cgroup: " + read(out, "cgroup.err")[-500:], status(out, "cgroup"), 0)
    info = bench.info(f"{out}/cgroup.data", None)
    only_strangers(bench, f"{out}/cgroup.data")
    # A cpu's event has one state: windows of two threads that take turns on it run into each other, and that is counted.
    need(info["windows"] <= 3 * ROUNDS <= info["windows"] + info["loss"]["split_window"], "windows of the cgroup:", info)


def stays_on_one_cpu(bench, out):
    clean(bench, out, "one_cpu", 20)


def split_windows(bench, out):
    """Perf's way, with its loss counted: every window begins on one cpu and ends on the other."""
    equal("status of split: " + read(out, "split.err")[-500:], status(out, "split"), 0)
    loss = bench.info(f"{out}/split.data", None)["loss"]["split_window"]
    need(loss >= 20, "windows that were split or left running:", loss)
    need("split_window" in read(out, "split.err"), "nobody said so:", read(out, "split.err"))
    return f"{loss} for 20 windows"


def limits_of_hits(bench, out):
    clean(bench, out, "limit", 3)


def refused(_, out):
    equal("status of nobody", status(out, "nobody"), 2)
    need("no process" in read(out, "nobody.err"), "nobody:", read(out, "nobody.err"))
    need(not re.search(r"assert|abort", read(out, "self.err")), "self:", read(out, "self.err"))


def read_by_perf(bench, out):
    need_perf(bench)
    for name in ("pid", "by_cpu", "one_cpu"):
        equal(f"errors of perf, {name}", perf_errors(bench, f"{out}/{name}.data"), 0)



if __name__ == "__main__":
    main(prepare, [whole_process, one_thread, by_cpu, probes_of_a_process, left_alone, command_beside, everything, cgroup,
                   stays_on_one_cpu, split_windows, limits_of_hits, refused, read_by_perf, quiet_kernel])
