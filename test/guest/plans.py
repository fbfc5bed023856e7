# SPDX-License-Identifier: MIT
"""Some hundred plans, good and bad, each given to `tracectl run`: whatever a plan says, tracectl ends by itself, says why
when it refuses, leaves a capture that can be read when it does not, the program does what it does alone, and the kernel
says nothing. The plans are the same in every run."""
import collections
import json
import os
import random
import re

from guest import Tree, boot, equal, main, need, read

SEED, COUNT = 2607, 200
LIMIT = 120  # seconds for one run, where the cpu has much else to do
PROGRAM = "windows_static"
WORDS = ["spans", "6"]
REFUSALS = ("1", "2", "3")  # bad plan, bad usage, not possible here


def text(value):
    return json.dumps(value) if isinstance(value, (str, list)) else str(value).lower() if isinstance(value, bool) else str(value)


class Maker:
    """Plans by chance. `bad` is how often something is taken from the list of what nobody should write."""

    def __init__(self, seed, symbols):
        self.random = random.Random(seed)
        self.symbols = symbols
        self.bad = 0.0

    def chance(self, part):
        return self.random.random() < part

    def one(self, good, bad=()):
        return self.random.choice(bad if bad and self.chance(self.bad) else good)

    def table(self, heading, /, **keys):
        lines = [f"{key} = {text(value)}" for key, value in keys.items() if value is not None]
        return [heading, *lines] if lines else []

    def maybe(self, part, good, bad=()):
        return self.one(good, bad) if self.chance(part) else None

    def place(self):
        return self.one([f"{PROGRAM}:leaf", f"{PROGRAM}:begin_work", f"{PROGRAM}:end_work", f"{PROGRAM}:main"],
                        [f"{PROGRAM}:leaf+1", f"{PROGRAM}:leaf+0x7fffffff", f"{PROGRAM}:nosuch", "nosuch:leaf", "libc.so.6:qsort",
                         f"{PROGRAM}:sink", f"{PROGRAM}:leaf+18446744073709551615", f"{PROGRAM}:", ":leaf", f"{PROGRAM}:sp ans"])

    def address(self):
        leaf = self.symbols["leaf"][0]
        return hex(self.one([leaf, self.symbols["begin_work"][0]],
                            [leaf + 1, leaf + 3, 0, 1, 8, 4096, (1 << 64) - 1, (1 << 64) - 8, 0xffffffff81000000, 1 << 63,
                             (1 << 47) - 1, 1 << 47, (1 << 47) - 8, 0xffff800000000000, 0xffffffffff600000, 1 << 64]))

    def breakpoint(self):
        data = self.chance(0.25)
        where = f"{PROGRAM}:sink" if data else self.one([self.place(), self.address()])
        access = self.one(["w", "rw"], ["x"]) if data else self.maybe(0.1, ["x"], ["w", "rw", "r"])
        length = self.maybe(0.6 if data else 0.1, [8] if not data else [1, 2, 4, 8], [0, 3, 16, -1, 1 << 40])
        return {"on": f"breakpoint:{where}", "access": access, "len": length}

    def probe(self):
        kind = self.one(["uprobe", "uretprobe", "kprobe", "kretprobe"])
        if kind.startswith("u"):
            where = self.one([self.place()], [f"{PROGRAM}:{self.address()}", "/bin/busybox:0x1000", "/etc:leaf", self.address()])
        else:
            where = self.one(["vfs_write", "ksys_write", "do_exit"],
                             ["nosuch", "asm_exc_int3", "vfs_write+1", self.address(), "vfs_write+0x100000", "_text", "a b"])
        return {"on": f"{kind}:{where}"}

    def tracepoint(self):
        on = self.one(["syscalls:sys_enter_write", "syscalls:sys_exit_write", "raw_syscalls:sys_enter", "sched:sched_process_exit",
                       "syscalls:sys_enter_exit_group", "sched:sched_switch"],
                      ["syscalls:nosuch", "nosuch:nosuch", "syscalls", "../../x:y", ":", "syscalls:sys_enter_write:x"])
        words = self.maybe(0.4, ["fd == 1", "fd == 1 && count > 0", "ret < 0", "id == 1", 'comm ~ "win*"', "common_pid > 0"],
                           ["fd ==", "fd == 1 ||", "nosuch == 1", "(", "fd == 99999999999999999999", "", "((((fd == 1))))",
                            "fd == 1 && " * 80 + "fd == 1", 'fd ~ "x"'])
        return {"on": f"tracepoint:{on}", "filter": words}

    def event(self):
        on = self.one(["page-faults", "context-switches", "cpu-clock", "task-clock", "cycles", "branch-misses"],
                      ["nosuch", "", "cpu/event=0xc4,umask=0x20/", "cpu-cycles:u"])
        return {"on": f"event:{on}", "period": self.maybe(0.8, [1, 7, 1000, 100000], [0, -1, 1 << 62, (1 << 63) - 1])}

    def trigger(self):
        keys = self.one([self.breakpoint, self.breakpoint, self.probe, self.tracepoint, self.event])()
        keys["do"] = self.one(["resume", "pause", "resume", "pause", "snapshot"], ["stop"])
        if keys["do"] == "snapshot" or self.chance(self.bad / 2):
            keys["size"] = self.maybe(0.5, ["4KiB", "16KiB", "64KiB"], ["1B", "1GiB", "17KiB", "0B", "16EiB"])
        keys["limit"] = self.maybe(0.1, [1, 3], [0, -1, 1 << 62])
        keys["name"] = self.maybe(0.2, ["a name", "größer → \"x\""], ["", "x" * 3000, "\t"])
        return self.table("[[trigger]]", **keys)

    def window(self):
        ends = [f"breakpoint:{self.place()}", f"tracepoint:syscalls:{self.one(['sys_enter_write', 'sys_exit_write'])}",
                f"uprobe:{self.place()}", f"breakpoint:{self.address()}"]
        keys = self.one([{"function": self.place()}, {"from": f"breakpoint:{PROGRAM}:begin_work", "to": f"breakpoint:{PROGRAM}:end_work"},
                         {"from": self.one(ends), "to": self.one(ends)}],
                        [{"syscall": "write"}, {"syscall": "nosuch"}, {"from": self.one(ends)}, {}])
        keys["limit"] = self.maybe(0.1, [1, 2], [0])
        keys["longer_than"] = self.maybe(0.1, ["1us", "1ms"], ["-1s", "1", "1000000000h"])
        return self.table("[[window]]", **keys)

    def trace(self):
        flags = "tsc cyc mtc noretcomp ptw fup_on_ptw pwr_evt branch event notnt".split()
        terms = {name: self.chance(0.5) for name in flags if self.chance(0.15)}
        for name in ("branch", "event", "notnt", "ptw", "pwr_evt"):
            if name in terms and not self.chance(self.bad):
                terms[name] = name == "branch"  # others this trace unit does not have
        for name in ("mtc_period", "cyc_thresh", "psb_period"):
            terms[name] = self.maybe(0.15, [0, 3, 5], [1, 15, 16, -1, 1 << 40])
        return (self.table("[trace]", machine="kernel", scope=self.maybe(0.3, ["user"], ["kernel", "all", "both"]),
                           start=self.maybe(0.15, ["paused", "running"]), threads=self.maybe(0.1, ["exact"], ["per-cpu"]),
                           filter=self.maybe(0.1, [[f"{PROGRAM}:leaf"], [f"{PROGRAM}:*"]], [["nosuch:x"], [], ["0x0-0x1"], ["x"] * 9]))
                + self.table("[trace.intel_pt]", **terms))

    def buffer(self):
        return self.table("[buffer]",
                          size=self.maybe(0.6, ["4KiB", "8KiB", "64KiB", "1MiB", "4MiB"],
                                          ["12KiB", "4095B", "1GiB", "64GiB", "16EiB", "0B", "4KB", "1B"]),
                          data=self.maybe(0.3, ["4KiB", "8KiB", "512KiB"], ["2KiB", "12KiB", "1GiB", "16EiB"]),
                          mode=self.maybe(0.3, ["full", "ring"], ["snapshot"]),
                          pages=self.maybe(0.1, ["auto", "scatter", "contiguous"]),
                          wakeup=self.maybe(0.2, ["auto", "1B", "4KiB"], ["8MiB", "16EiB"]),
                          on_full=self.maybe(0.1, ["stop"], ["wait", "drop"]),
                          total=self.maybe(0.1, ["256MiB", "4MiB"], ["4KiB", "16EiB", "1TiB"]))

    def plan(self):
        self.bad = self.one([0.0, 0.0, 0.04, 0.12])
        lines = ["plan = 1"] + (["title = \"x\""] if self.chance(0.1) else [])
        lines += self.trace() + self.buffer()
        if self.chance(0.15):
            lines += self.table("[target]", user=self.maybe(0.5, ["nobody", "root"], ["nosuch"]), follow=self.maybe(0.7, [True, False]))
        if self.chance(0.15):
            lines += self.table("[limits]", duration=self.maybe(0.5, ["1ms", "10s"], ["1ns", "2000000h", "0s", "9223372036s"]),
                                bytes=self.maybe(0.4, ["4KiB", "1MiB"], ["1B"]), windows=self.maybe(0.4, [1, 3], [0]))
        for _ in range(self.one([0, 1, 1, 2], [4, 6])):
            lines += self.trigger()
        for _ in range(self.one([0, 1, 1], [3])):
            lines += self.window()
        return "\n".join(line for line in lines) + "\n"


def plans(bench):
    maker = Maker(SEED, bench.symbols(bench.program(PROGRAM)))
    return {f"{number:03}": maker.plan() for number in range(COUNT)}


# The kernel's log tells by its own lines which plan it was; what two runs copied of the kernel's code is kept once.
SCRIPT = f"""
export HOME=/tmp
mv /usr/bin/perf /tmp  # looking for its version is slow
mkdir said
for plan in /p/*.toml; do
  name=$(basename $plan .toml)
  echo "plan $name" >/dev/kmsg
  timeout -s KILL {LIMIT} tracectl run -q -o c$name.data $plan -- PROGRAM >said/$name.out 2>said/$name.err
  echo "$name $? $(cut -d' ' -f1 /proc/uptime)" >>status
  core=c$name.data/kcore_dir/kcore
  if [ -f $core ]; then
    if cmp -s $core kcore; then ln -f kcore $core; else cp -l $core kcore 2>/dev/null || ln -f $core kcore; fi
  fi
done
dmesg | grep -iE '^.{{0,20}}plan [0-9]|warn|bug:|oops|call trace|rcu.*stall' >dmesg
ps | grep '[b]in/tracectl' >left
true
"""


def prepare(bench):
    tree = Tree(bench)
    tree.tracectl()
    program = tree.program(bench.program(PROGRAM))
    tree.text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n")
    for name, plan in plans(bench).items():
        tree.text(f"/p/{name}.toml", plan)
    return boot(tree, SCRIPT.replace("PROGRAM", " ".join([program, *WORDS])), cpus=2, icount=False)


def statuses(out):
    return {line.split()[0]: line.split()[1] for line in read(out, "status").splitlines()}


def show(bench, out, name):
    return f"plan {name}, status {statuses(out)[name]}:\n{plans(bench)[name]}said:\n{read(out, f'said/{name}.err')[-1500:]}"


def ends_by_itself(bench, out):
    """No crash, no hang; the status is the program's own or a refusal's."""
    found = statuses(out)
    equal("plans", len(found), COUNT)
    for name, status in found.items():
        need(status in ("0", *REFUSALS), show(bench, out, name))
    times = [float(line.split()[2]) for line in read(out, "status").splitlines()]
    counts = collections.Counter(found.values())
    need(counts["0"] >= COUNT // 5 and sum(counts[r] for r in REFUSALS) >= COUNT // 5, "the plans are all alike:", counts)
    return f"{dict(sorted(counts.items()))} in {times[-1] - times[0]:.0f} s"


def refusals_say_why(bench, out):
    """With the reason, and without the program having run."""
    for name, status in statuses(out).items():
        if status in REFUSALS:
            need(re.search(r"^(tracectl: |.*error: )\S", read(out, f"said/{name}.err"), re.M), show(bench, out, name))
            equal(f"output of the program of a refused plan: {show(bench, out, name)}", read(out, f"said/{name}.out"), "")


def captures_can_be_read(bench, out):
    """Without a decode error."""
    traced = 0
    for name, status in statuses(out).items():
        if status != "0":
            continue
        done = bench.run([bench.tracectl, "info", "--json", os.path.join(out, f"c{name}.data")])
        need(done.returncode in (0, 4), f"info ends with {done.returncode}: {done.stderr.decode()[-500:]}", show(bench, out, name))
        info = json.loads(done.stdout)
        need(info["decode_errors"] == 0, f"{info['decode_errors']} decode errors:", show(bench, out, name))
        traced += info["instructions"] != 0
    need(traced > COUNT // 10, "captures with an instruction:", traced)
    return f"{traced} with instructions"


def quiet_kernel(_, out):
    lines = read(out, "dmesg").splitlines()
    for at, line in enumerate(lines):
        need(re.search(r"plan \d+$", line), "the kernel warns:", "\n".join(lines[max(0, at - 1):at + 3]))
    equal("processes of tracectl that are left", read(out, "left"), "")


if __name__ == "__main__":
    main(prepare, [ends_by_itself, refusals_say_why, captures_can_be_read, quiet_kernel])
