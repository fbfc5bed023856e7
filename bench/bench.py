# SPDX-License-Identifier: MIT
"""Measures tracectl against what one would use instead, in one run, alternating.

Only ratios are written: seconds depend on the machine, ratios much less. With --document, the
tables between `<!-- NAME -->` and `<!-- /NAME -->` of that file are rewritten.
"""

import argparse
import json
import os
import pathlib
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time

import autofdo
import capture as captures
import memory

MIB = 1 << 20
LIMIT = 300 * 1000 * 1000  # bytes, for `run` and `report` each
MOST = 4.0  # fully traced, times native: the aim
WALKS = {"flow": "the flow decoder, every block told, on one processor",
         "counted": "the flow decoder, branches counted, on one processor"}
PARTS = ("running", "loads", "decoding", "arm", "autofdo", "holding")
MOST_ARM = 2.0  # an AArch64 program, times qemu-aarch64


def make_input(path, size):
    """Text-like bytes with some noise, always the same: xz must search, and finds."""
    rng = random.Random(12)
    words = ["".join(rng.choices("etaoinshrdlucmfw", k=rng.randint(2, 9))) for _ in range(4000)]
    weights = [1 / (n + 1) for n in range(len(words))]
    with open(path, "wb") as out:
        while out.tell() < size:
            out.write(" ".join(rng.choices(words, weights, k=500)).encode() + rng.randbytes(200))
        out.truncate(size)


def spent(command):
    """Wall time and processor time of one run, children included; it must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    wall = time.monotonic() - begin
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: status {done.returncode}\n{done.stderr.decode(errors='replace')[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def rounds_of(commands, rounds):
    """[(wall, processor)] by name, one run of each in turn."""
    times = {name: [] for name in commands}
    for n in range(rounds):
        for name, command in commands.items():
            times[name].append(spent(command))
        print(f"  round {n + 1}: " + ", ".join(f"{name} {t[-1][0]:.2f} s" for name, t in times.items()), flush=True)
    return times


def middle(times):
    """Median wall time, median processor time."""
    return statistics.median(w for w, _ in times), statistics.median(p for _, p in times)


def table(title, rows):
    width = [max(len(row[n]) for row in [title] + rows) for n in range(len(title))]
    lines = [title, ["-" * w for w in width]] + rows
    return "\n".join("| " + " | ".join(cell.ljust(w) for cell, w in zip(row, width)) + " |" for row in lines)


def ratio_table(base, times, what):
    wall, processor = middle(times[base])
    rows = []
    for name, runs in times.items():
        w, p = (middle(runs)[0] / wall, middle(runs)[1] / processor)
        each = [run[0] / wall for run in runs]
        rows.append([what[name], f"{w:.2f}", f"{min(each):.2f} to {max(each):.2f}", f"{p:.2f}"])
    return table(["", f"times {base}", "fastest to slowest", "processor time"], rows)


class Bench:
    def __init__(self, args):
        self.tracectl, self.rounds = shutil.which("tracectl"), args.rounds
        self.work = pathlib.Path(args.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.tables = {}
        self.failed = False

    def path(self, name):
        return str(self.work / name)

    def input(self, size):
        path = self.path(f"input.{size}")
        if not os.path.exists(path):
            make_input(path, size)
        return path

    def traced(self, capture, command):
        shutil.rmtree(self.path(capture), ignore_errors=True)
        return [self.tracectl, "run", "-q", "-o", self.path(capture), "--", *command]

    def info(self, capture):
        return json.loads(subprocess.check_output([self.tracectl, "info", "--json", self.path(capture)]))

    def running(self):
        """xz over 3 MB: native, QEMU, traced."""
        xz = [shutil.which("xz"), "-T1", "-k", "-c", self.input(3 * 1000 * 1000)]
        capture = self.path("xz.data")
        commands = {
            "native": xz,
            "qemu": ["qemu-x86_64", *xz],
            "never": self.windowed("never.data", "liblzma.so.5:lzma_stream_decoder", xz),
            "traced": [self.tracectl, "run", "-q", "-o", capture, "--", *xz],
        }
        shutil.rmtree(capture, ignore_errors=True)
        print("running: xz over 3 MB", flush=True)
        times = rounds_of(commands, self.rounds)
        what = {
            "native": "native",
            "qemu": "`qemu-x86_64`, no plugin",
            "never": "`tracectl run`, a window that is never entered",
            "traced": "`tracectl run`, all of it traced",
        }
        self.tables["running"] = ratio_table("native", times, what)
        factor = middle(times["traced"])[0] / middle(times["native"])[0]
        print(f"  traced: {factor:.2f} times native (the aim: at most {MOST:g})")
        self.failed |= factor > MOST
        for name in ("xz.data.old", "never.data", "never.data.old"):
            shutil.rmtree(self.path(name), ignore_errors=True)

    def windowed(self, capture, function, command):
        return [self.tracectl, "run", "-q", "-o", self.path(capture), "--window", f"function={function}", "--", *command]

    def loads(self):
        """A branchy sort, all traced; long windows now and then; many short windows."""
        load = self.path("load")
        parts = {
            "qsort": ([load, "qsort", "3000000"], None, "`qsort` of 3 million numbers, all of it traced", 0),
            "long": ([load, "long", "10"], "load:window", "a window a hundredth of the time", 10),
            "short": ([load, "windows", "200000", "1500"], "load:window", "200,000 windows of some 30 instructions", 200000),
        }
        rows = []
        for name, (native, function, what, windows) in parts.items():
            traced = self.traced(name + ".data", native)
            if function:
                traced = self.windowed(name + ".data", function, native)
            print(f"loads: {what}", flush=True)
            times = rounds_of({"native": native, "qemu": ["qemu-x86_64", *native], "traced": traced}, 3)
            recorded = self.info(name + ".data")
            if recorded["windows"] != windows or any(recorded["loss"].values()):
                print(f"  {recorded['windows']} windows, not {windows}, or a loss: {recorded['loss']}")
                self.failed = True
            native_time, rate = middle(times["native"])[0], ""
            if windows:
                rate = f"{windows / middle(times['traced'])[0]:,.0f}" if windows > 1000 else "-"
            rows.append([what, f"{middle(times['qemu'])[0] / native_time:.2f}", f"{middle(times['traced'])[0] / native_time:.2f}",
                         f"{middle(times['traced'])[0] / middle(times['qemu'])[0]:.2f}", rate or "-"])
            shutil.rmtree(self.path(name + ".data"))
            shutil.rmtree(self.path(name + ".data.old"), ignore_errors=True)
        self.tables["loads"] = table(["", "QEMU, times native", "traced, times native", "traced, times QEMU", "windows a second"], rows)

    def decoding(self):
        """One capture, three decoders."""
        self.decoding_of("decoding", "a short capture", self.input(12 * 1000), with_perf=True, rounds=3)
        self.decoding_of("decoding_long", "a long capture", self.input(3 * 1000 * 1000), with_perf=False, rounds=3)

    def decoding_of(self, name, what, source, with_perf, rounds):
        spent(self.traced("decode.data", [shutil.which("xz"), "-T1", "-k", "-c", source]))
        capture, trace, maps = (self.path(n) for n in ("decode.data", "decode.pt", "decode.maps"))
        captures.take_apart(capture, trace, maps)
        info = self.info("decode.data")
        commands = {"libipt": [self.path("libipt_walk"), trace, maps], "report": [self.tracectl, "report", "--decoder", "reference", capture]}
        commands |= self.walks(capture)
        commands["flow report"] = [self.tracectl, "report", capture]
        if with_perf:
            commands["perf"] = ["perf", "script", "-i", capture, "--itrace=i0ns", "-F", "tid,ip"]
            commands["inject"] = ["perf", "inject", "-i", capture, "--itrace=i1000il64", "-f", "-o", self.path("inject.data")]
        print(f"decoding: {what}, {info['instructions'] / 1e6:.1f} M instructions, {info['bytes'] / MIB:.1f} MiB", flush=True)
        counted, errors = subprocess.check_output(commands["libipt"]).split()
        if abs(int(counted) - info["instructions"]) > info["instructions"] * 1e-4 or int(errors) or info["decode_errors"]:
            print(f"  libipt alone: {int(counted)} instructions, {int(errors)} errors; tracectl: {info['instructions']}")
        times = rounds_of(commands, rounds)
        words = WALKS | {
            "libipt": "libipt's block decoder alone, one thread",
            "report": "`tracectl report --decoder reference`",
            "flow report": "`tracectl report`",
            "inject": "`perf inject --itrace=i1000il64`, which samples",
            "perf": "`perf script --itrace=i0ns -F tid,ip`, output discarded",
        }
        self.tables[name] = (
            f"{info['instructions'] / 1e6:.0f} million instructions, {info['bytes'] / 1e6:.1f} MB of trace:\n\n"
            + ratio_table("libipt", times, words)
        )
        for path in (trace, maps):
            os.unlink(path)
        shutil.rmtree(capture)

    @staticmethod
    def walks(capture):
        """The flow decoder by itself, on one processor."""
        walk = ["taskset", "-c", str(min(os.sched_getaffinity(0))), shutil.which("decoder_walk"), capture]
        return {"flow": [*walk, "flow"], "counted": [*walk, "counted"]}

    def arm(self):
        """Debian's xz for arm64: under QEMU and traced; its trace by OpenCSD alone and by tracectl."""
        script = pathlib.Path(__file__).parent.parent / "test/emulated/arm_programs.sh"
        place = os.path.abspath(self.path("debian-arm64"))
        if subprocess.run(["sh", script, place], check=False).returncode != 0:
            print("arm: skipped: Debian's packages for arm64 could not be fetched")
            return
        os.environ["QEMU_LD_PREFIX"] = place  # QEMU's and tracectl's
        xz = [place + "/usr/bin/xz", "-T1", "-k", "-c"]
        print("arm: AArch64's xz over 400 KB", flush=True)
        source = self.input(400 * 1000)
        times = rounds_of({"qemu": ["qemu-aarch64", *xz, source], "traced": self.traced("arm.data", [*xz, source])}, self.rounds)
        what = {"qemu": "`qemu-aarch64`, no plugin", "traced": "`tracectl run`, all of it traced"}
        self.tables["arm_running"] = ratio_table("qemu", times, what)
        factor = middle(times["traced"])[0] / middle(times["qemu"])[0]
        print(f"  traced: {factor:.2f} times qemu-aarch64 (the aim: at most {MOST_ARM:g})")
        self.failed |= factor > MOST_ARM
        self.arm_decoding([*xz, self.input(12 * 1000)])
        for name in ("arm.data", "arm.data.old"):
            shutil.rmtree(self.path(name), ignore_errors=True)
        del os.environ["QEMU_LD_PREFIX"]

    def arm_decoding(self, command):
        spent(self.traced("arm.data", command))
        capture, trace, maps = (self.path(n) for n in ("arm.data", "arm.ete", "arm.maps"))
        captures.take_apart(capture, trace, maps)
        info = self.info("arm.data")
        commands = {"OpenCSD": [self.path("opencsd_walk"), trace, maps, captures.unit(capture)],
                    "reference": [self.tracectl, "report", "--decoder", "reference", capture],
                    "report": [self.tracectl, "report", capture]} | self.walks(capture)
        counted, errors = subprocess.check_output(commands["OpenCSD"]).split()
        if int(counted) != info["instructions"] or int(errors) or info["decode_errors"]:
            print(f"  OpenCSD alone: {int(counted)} instructions, {int(errors)} errors; tracectl: {info['instructions']}")
            self.failed = True
        what = {"OpenCSD": "OpenCSD alone, one thread", "reference": "`tracectl report --decoder reference`",
                "report": "`tracectl report`"} | WALKS
        self.tables["arm_decoding"] = (
            f"{info['instructions'] / 1e6:.0f} million instructions, {info['bytes'] / 1e6:.1f} MB of trace:\n\n"
            + ratio_table("OpenCSD", rounds_of(commands, 3), what)
        )
        for path in (trace, maps):
            os.unlink(path)

    def autofdo(self):
        """A profile, and the program compiled with it."""
        try:
            self.tables |= autofdo.AutoFdo(self, rounds_of, ratio_table).run(table)
        except autofdo.Skipped as reason:
            print(f"autofdo: skipped: {reason}")

    def holding(self):
        """run and report of 2 GB of trace, 300 MB each. An interpreter leaves much trace per instruction."""
        fibonacci = "import sys\nf = lambda n: n if n < 2 else f(n - 1) + f(n - 2)\nfor i in range(int(sys.argv[1])): f(24)"
        rows = []
        try:
            for runs in (25, 250):
                print(f"holding: python3, {runs} times", flush=True)
                command = self.traced("big.data", [shutil.which("python3"), "-c", fibonacci, str(runs)])
                results = [("run", memory.limited(command, LIMIT))]
                size = captures_size(self.path("big.data"))
                results.append(("report", memory.limited([self.tracectl, "report", self.path("big.data")], LIMIT)))
                shutil.rmtree(self.path("big.data"))
                for verb, (status, peak, kills) in results:
                    passed = status == 0 and kills == 0
                    self.failed |= not passed
                    words = "yes" if passed else f"no: status {status}, {kills} killed"
                    print(f"  {verb}: {size / 1e9:.2f} GB, peak {peak / 1e6:.0f} MB, {words}", flush=True)
                    rows.append([f"`{verb}`", f"{size / 1e9:.2f} GB", f"{peak / 1e6:.0f} MB", words])
        except memory.Unavailable as reason:
            print(f"holding: skipped: {reason}")
            return
        self.tables["holding"] = table(["", "trace", "peak held", "within 300 MB"], rows)


def captures_size(capture):
    return os.path.getsize(pathlib.Path(capture) / "data")


def machine():
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    qemu = subprocess.check_output(["qemu-x86_64", "--version"], text=True).split()[2]
    return f"{model.group(1) if model else 'unknown cpu'}, {os.cpu_count()} cpus, QEMU {qemu}."


def rewrite(document, tables):
    text = pathlib.Path(document).read_text()
    for name, content in tables.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        text = re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _: f"{begin}\n{content}\n{end}", text, flags=re.S)
    pathlib.Path(document).write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", default="build/bench")
    parser.add_argument("--document")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=PARTS)
    args = parser.parse_args()
    bench = Bench(args)
    for part in PARTS:
        if args.only in (None, part):
            getattr(bench, part)()
    shutil.rmtree(bench.path("xz.data"), ignore_errors=True)
    bench.tables["machine"] = machine()
    for name, content in bench.tables.items():
        print(f"\n{name}\n{content}")
    if args.document:
        rewrite(args.document, bench.tables)
    sys.exit(1 if bench.failed else 0)


if __name__ == "__main__":
    main()
