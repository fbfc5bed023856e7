# SPDX-License-Identifier: MIT
"""AutoFDO of Debian's Lua, compiled by clang -O2: how long the profile takes, and how much faster the program gets by it."""

import os
import pathlib
import re
import shutil
import statistics
import subprocess

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"
LOAD = str(EXAMPLES / "autofdo.lua")
TRAIN, RUN = "3", "400"  # rounds of the load: traced, timed
PAIRS = 15


class Skipped(Exception):
    pass


def quiet(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)
    if done.returncode != 0:
        raise Skipped(f"{' '.join(command)}: status {done.returncode}: {done.stdout.decode(errors='replace')[-500:]}")
    return done.stdout.decode(errors="replace")


class AutoFdo:
    """`bench`: bench.py's; `times`: its rounds_of; `ratios`: its ratio_table."""

    def __init__(self, bench, times, ratios):
        self.bench, self.times, self.ratios = bench, times, ratios
        self.place = pathlib.Path(bench.path("autofdo")).resolve()
        self.place.mkdir(exist_ok=True)
        for tool in ("clang-14", "create_llvm_prof", "llvm-profgen-14", "llvm-profdata-14", "perf"):
            if not shutil.which(tool):
                raise Skipped(f"{tool} is not installed")

    def path(self, name):
        return str(self.place / name)

    def build(self, name, *flags):
        """Lua, with a folder of its own; Debian's source is fetched once."""
        place = self.place / name
        place.mkdir(exist_ok=True)
        for file in self.place.glob("*/lua5.4_*"):
            if not (place / file.name).exists():
                shutil.copy(file, place)
        cc = " ".join(["clang-14", "-fdebug-info-for-profiling", *flags])
        quiet(["sh", str(EXAMPLES / "make_lua.sh"), str(place)], env=os.environ | {"CC": cc})
        return str(place / "lua")

    def traced(self, lua, capture):
        shutil.rmtree(self.path(capture), ignore_errors=True)
        quiet([self.bench.tracectl, "run", "-q", "-o", self.path(capture), "--", lua, LOAD, TRAIN])
        return self.path(capture)

    def export(self, to, lua, capture, out):
        return [self.bench.tracectl, "export", "--to", to, "--binary", lua, "-o", self.path(out), capture]

    def by_samples(self, lua, capture):
        """perf's samples of the same trace, and llvm-profgen's profile of them."""
        injected, script, out = (self.path(n) for n in ("injected.data", "samples.txt", "samples.prof"))
        return ["sh", "-c", f"perf inject -f -i {capture} --itrace=i1000il64 -o {injected} && "
                f"perf script -i {injected} -F ip,brstack --show-mmap-events >{script} && "
                f"llvm-profgen-14 --perfscript={script} --binary={lua} --output={out} --format=text"]

    def similarity(self, base, test):
        told = quiet(["llvm-profdata-14", "overlap", "--sample", self.path(base), self.path(test)])
        return re.search(r"profile similarity: ([\d.]+)%", told)[1] + " %"

    def gain(self, plain, others):
        """By name: how many times as fast as `plain`, the median of pairs in turn."""
        ratios = {name: [] for name in others}
        for _ in range(PAIRS):
            once = {name: self.bench_once(lua) for name, lua in {"plain": plain, **others}.items()}
            for name in others:
                ratios[name].append(once["plain"] / once[name])
        return {name: (statistics.median(r), min(r), max(r)) for name, r in ratios.items()}

    @staticmethod
    def bench_once(lua):
        before = os.times()
        subprocess.run([lua, LOAD, RUN], stdout=subprocess.DEVNULL, check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    def run(self, table):
        """The tables, by name."""
        five = self.build("plain", "-gdwarf-5")
        capture = self.traced(five, "lua.data")
        print("autofdo: the profile of Lua", flush=True)
        exporting = self.times({"samples": self.by_samples(five, capture),
                                "llvm-prof": self.export("llvm-prof", five, capture, "ours.prof"),
                                "autofdo": self.export("autofdo", five, capture, "ours.txt")}, 3)
        out = {"autofdo_export": self.ratios("samples", exporting, {
            "samples": "`perf inject --itrace=i1000il64`, `perf script -F brstack`, `llvm-profgen`: samples",
            "llvm-prof": "`tracectl export --to llvm-prof`: every branch", "autofdo": "`tracectl export --to autofdo`"})}
        print("autofdo: the program", flush=True)
        built = {"ours": self.build("ours", "-gdwarf-5", f"-fprofile-sample-use={self.path('ours.prof')}"),
                 "samples": self.build("samples", "-gdwarf-5", f"-fprofile-sample-use={self.path('samples.prof')}")}
        words = {"ours": "`tracectl export --to llvm-prof`", "samples": "`llvm-profgen` of perf's samples",
                 "google": "`create_llvm_prof` of our counts"}
        similar = {"ours": "100 %", "samples": self.similarity("ours.prof", "samples.prof")}
        try:
            built["google"], similar["google"] = self.by_google()
        except Skipped as reason:
            similar["google"] = "-"
            print(f"  create_llvm_prof: {reason}")
        rows = [[words[name], f"{middle:.3f}", f"{least:.3f} to {most:.3f}", similar[name]]
                for name, (middle, least, most) in self.gain(five, built).items()]
        for row in rows:
            print("  " + ", ".join(row))
        out["autofdo_gain"] = table(["profile", "times as fast", "slowest to fastest pair", "similar to ours"], rows)
        return out

    def by_google(self):
        """create_llvm_prof reads DWARF 4."""
        four = self.build("four", "-gdwarf-4")
        quiet(self.export("autofdo", four, self.traced(four, "four.data"), "four.txt"))
        quiet(["create_llvm_prof", "--profiler", "text", "--profile", self.path("four.txt"), "--binary", four, "--format", "binary",
               "--out", self.path("google.prof")])
        return self.build("google", "-gdwarf-4", f"-fprofile-sample-use={self.path('google.prof')}"), \
            self.similarity("ours.prof", "google.prof")
