# SPDX-License-Identifier: MIT
"""What the emulated machine's tests share: running programs, failures that say what, skips."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

SKIP = 77
SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
LOSSES = ("truncated overwritten partial collision overflow lost_records missed_trigger split_window undecodable "
          "unknown_records untraced_program cut_file").split()


class Failure(Exception):
    pass


def need(condition, *words):
    if not condition:
        raise Failure(" ".join(str(w) for w in words))


def equal(what, got, wanted):
    need(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")


def build_for_arm(path):
    """An AArch64 program, static, from the source of its name; again where that is newer."""
    name = os.path.basename(path).removesuffix("_static")
    source = next(f for f in (os.path.join(SOURCES, name + end) for end in (".c", ".cpp")) if os.path.exists(f))
    if os.path.exists(path) and os.path.getmtime(path) > os.path.getmtime(source):
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    made = f"{path}.{os.getpid()}"  # tests run side by side
    done = subprocess.run(["aarch64-linux-gnu-g++" if source.endswith("pp") else "aarch64-linux-gnu-gcc", "-O1", "-g", "-static",
                           "-o", made, source, "-lpthread"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    need(done.returncode == 0, f"building {path}:", done.stdout.decode(errors="replace")[-1000:])
    os.rename(made, path)


class Bench:
    """The build under test, a scratch directory, and the environment of every program. On `arm` the programs are AArch64's:
    static ones, at their own addresses."""

    def __init__(self, build, *, arm=False):
        self.build, self.arm = os.path.abspath(build), arm
        self.programs = os.path.join(self.build, "emulated")
        self.tracectl = os.path.join(self.build, "tracectl")
        self.scratch = tempfile.mkdtemp(prefix="tracectl-emulated-")
        self.qemu = shutil.which("qemu-aarch64" if arm else "qemu-x86_64")
        self.load_address = 0 if arm else 0x4000000000  # of a program that is no `_static` one: where QEMU 7.2 loads it
        # The same for every run, so that runs are alike; QEMU_RAND_SEED makes QEMU's auxiliary vector so.
        self.env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "HOME": self.scratch, "QEMU_RAND_SEED": "1",
                    "PYTHONHASHSEED": "0", "TRACECTL_TEST_LOG": self.path("plugin.log"), "TRACECTL_QEMU": self.qemu}

    def change_translation(self, idle):
        """Blocks that no trigger sits in are let alone after `idle` of them in a pause; 0: never. That needs runs without a log.
        (Always three digits: the program's strings lie where they lay.)"""
        self.env = {k: v for k, v in self.env.items() if k != "TRACECTL_TEST_LOG"} | {"TRACECTL_TEST_IDLE": f"{int(idle):03}"}

    def path(self, name):
        return os.path.join(self.scratch, name)

    def program(self, name):
        if not self.arm or name == "compare":
            return os.path.join(self.programs, name)
        path = os.path.join(self.programs, "aarch64", name)
        build_for_arm(path)
        return path

    def plain(self, command, **more):
        """Without tracectl."""
        return self.run([self.qemu, *command] if self.arm else command, **more)

    def run(self, command, env=None, stdin=b"", timeout=240, **more):
        """A process with its output; stdin is bytes."""
        return subprocess.run(command, env=env or self.env, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              cwd=self.scratch, timeout=timeout, check=False, **more)

    def trace(self, command, options=(), name="capture", env=None, stdin=b"", status=0, timeout=240):
        """tracectl run; the capture's path. `status` None: any."""
        capture = self.path(name)
        shutil.rmtree(capture, ignore_errors=True)
        shutil.rmtree(capture + ".old", ignore_errors=True)
        if os.path.exists(self.path("plugin.log")):
            os.remove(self.path("plugin.log"))
        done = self.run([self.tracectl, "run", "-q", "-o", capture, *options, "--", *command], env, stdin, timeout)
        self.last = done
        if status is not None and done.returncode != status:
            raise Failure(f"tracectl run {' '.join(command)}: status {done.returncode}, not {status}\n"
                          f"{done.stderr.decode(errors='replace')[-2000:]}")
        return capture

    def view(self, *words, status=0, timeout=240):
        done = self.run([self.tracectl, *words], timeout=timeout)
        if status is not None and done.returncode != status:
            raise Failure(f"tracectl {' '.join(words)}: status {done.returncode}, not {status}\n"
                          f"{done.stderr.decode(errors='replace')[-2000:]}{done.stdout.decode(errors='replace')[-500:]}")
        return done.stdout.decode()

    def info(self, capture, status=0):
        return json.loads(self.view("info", "--json", capture, status=status))

    def clean_info(self, capture, allowed=()):
        """info, which must have no decode error and no loss but of the kinds in `allowed`."""
        done = self.run([self.tracectl, "info", "--json", capture])
        need(done.returncode in (0, 4), "info:", done.stderr.decode(errors="replace")[-1000:])
        info = json.loads(done.stdout)
        equal("decode errors", info["decode_errors"], 0)
        equal("kinds of loss", sorted(info["loss"]), sorted(LOSSES))
        for kind, count in info["loss"].items():
            need(count == 0 or kind in allowed, f"loss: {count} {kind}")
        return info

    def instructions(self, capture, *options):
        """{tid: [address]}, in the order of the trace."""
        out = {}
        for line in self.view("script", "instructions", "--raw", *options, capture).splitlines():
            tid, address = line.split()
            out.setdefault(int(tid), []).append(int(address, 16))
        return out

    def digests(self, capture):
        return sorted(tuple(line.split()) for line in
                      self.view("script", "instructions", "--digest", capture, timeout=600).splitlines())

    def plugin_digests(self):
        with open(self.path("plugin.log"), encoding="ascii") as log:
            return sorted(tuple(line.split()) for line in log)

    def symbols(self, file):
        """{name: (address, size)} of a file's own symbol table."""
        out = {}
        text = subprocess.run(["nm", "-S", file], stdout=subprocess.PIPE, check=True).stdout.decode()
        for line in text.splitlines():
            match = re.match(r"([0-9a-f]+) ([0-9a-f]+) \S (\S+)$", line)
            if match:
                out[match[3]] = (int(match[1], 16), int(match[2], 16))
        return out


def lacks(arm):
    """What is not installed, in words; "" when nothing is."""
    if not arm:
        return "" if shutil.which("qemu-x86_64") else "qemu-x86_64 is not installed (apt-get install qemu-user)"
    tools = ("qemu-aarch64", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++")
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return f"no {', '.join(missing)} (apt-get install qemu-user g++-aarch64-linux-gnu)" if missing else ""


def main(cases, arm=None):
    """cases: {suite: [function(bench)]}. Runs the named suites; every failing case is told. `arm`: those that `--arm` has, with
    the same programs built for AArch64."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--keep", action="store_true", help="leave the scratch directory")
    parser.add_argument("--only", help="only the case of this name")
    parser.add_argument("--idle", help="no log, and translated code changes after every so many idle blocks")
    parser.add_argument("--arm", action="store_true", help="AArch64 programs")
    parser.add_argument("suites", nargs="*")
    options = parser.parse_args()
    if missing := lacks(options.arm):
        print(f"skipped: {missing}")
        sys.exit(SKIP)
    if options.arm:
        cases = arm
    failed = ran = 0
    for suite in options.suites or cases:
        for case in cases[suite]:
            if options.only and case.__name__ != options.only:
                continue
            bench = Bench(options.build, arm=options.arm)
            if options.idle:
                bench.change_translation(options.idle)
            try:
                words = case(bench)
                ran += not (words or "").startswith("skipped")
                print(f"{suite}.{case.__name__}: ok{' (' + words + ')' if words else ''}", flush=True)
            except (Failure, subprocess.TimeoutExpired, KeyError, IndexError, ValueError) as why:
                failed += 1
                print(f"{suite}.{case.__name__}: FAILED: {why}", flush=True)
                if not isinstance(why, Failure):
                    traceback.print_exc(file=sys.stdout)
            finally:
                if not options.keep:
                    shutil.rmtree(bench.scratch, ignore_errors=True)
                else:
                    print("  in", bench.scratch)
    if failed == 0 and ran == 0:
        print("skipped: no case ran")
        sys.exit(SKIP)
    sys.exit(1 if failed else 0)
