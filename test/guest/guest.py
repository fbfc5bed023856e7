# SPDX-License-Identifier: MIT
"""A guest whose cpu has a trace unit (Intel PT; arm.py: ETE with TRBE): finds the instrument, lays files over the guest's root, boots, gives what it left.

    tree = Tree(bench); tree.tracectl(); tree.program(path); out = boot(tree, script, cpus=1, icount=True)

A test has one boot (`prepare`) and checks of what it left; every check that fails is told."""
import argparse
import os
import re
import shutil
import struct
import subprocess
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, "..", "emulated"))
from common import SKIP, Bench, Failure, equal, need  # noqa: E402 (its folder is known only now)

INSIDE = "/opt/tracectl"  # where tracectl and its libraries are in the guest
LOADER = "ld-linux-x86-64.so.2"


OLD_ATTR, ID_SECTION = 128, 16  # bytes: perf_event_attr of perf 6.1, and the perf_file_section behind each


class Skipped(Exception):
    pass


class Instrument:
    """A QEMU and a guest for it."""

    def __init__(self, unit, parts, built, shared):
        self.unit = unit
        self.parts = parts  # QEMU first; "vmlinuz" may be packed
        self.folders = (os.path.join(ROOT, "build", "guest", built),  # our own build, else the shared one
                        os.path.join(os.environ.get("TRACECTL_SHARED") or os.path.join(ROOT, "..", "shared"), "instruments",
                                     shared, "prebuilt"))

    def find(self):
        """The folder with all parts."""
        def has(folder, part):
            return os.path.exists(os.path.join(folder, part)) or os.path.exists(os.path.join(folder, part + ".xz"))
        for folder in self.folders:
            if all(has(folder, part) for part in self.parts):
                return os.path.abspath(folder)
        raise Skipped(f"no QEMU with {self.unit}: neither in build/guest (./dev guest builds it) nor below $TRACECTL_SHARED")

    def check(self):
        """That it starts."""
        skip_unless(shutil.which("cpio") and shutil.which("xz"), "cpio and xz are needed (apt-get install cpio xz-utils)")
        program = os.path.join(self.find(), self.parts[0])
        qemu = subprocess.run([program, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        skip_unless(qemu.returncode == 0, f"{program} does not start (apt-get install libglib2.0-0 libfdt1): "
                                          f"{qemu.stdout.decode(errors='replace').strip()[-300:]}")


INTEL_PT = Instrument("Intel PT", ("qemu-system-x86_64", "bios", "vmlinuz", "guest.cpio.xz"), "", "qemu-intel-pt")


def skip_unless(condition, words):
    if not condition:
        raise Skipped(words)


def libraries(program):
    """Every file that the host's loader maps for it, the loader too."""
    text = subprocess.run(["ldd", program], stdout=subprocess.PIPE, check=True).stdout.decode()
    need("not found" not in text, f"{program} lacks a library:\n{text}")
    return [os.path.realpath(path) if LOADER in path else path for path in re.findall(r"(/\S+) \(0x", text)]


class Tree:
    """Files for the guest, below one folder of the host."""
    instrument = INTEL_PT

    def __init__(self, bench):
        self.bench = bench
        self.root = bench.path("tree")
        self.add(os.path.join(HERE, "guest-init"), "/init", 0o755)

    def add(self, source, inside, mode=None):
        target = self.root + inside
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(source, target)
        if mode:
            os.chmod(target, mode)

    def text(self, inside, text, mode=0o644):
        target = self.root + inside
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(target, mode)

    def tracectl(self):
        """The program under test, with the host's C library and the loader that belongs to it: the guest has others."""
        self.add(self.bench.tracectl, f"{INSIDE}/bin/tracectl")
        subprocess.run(["strip", "-g", f"{self.root}{INSIDE}/bin/tracectl"], check=True)  # most of its size
        for path in libraries(self.bench.tracectl):
            name = LOADER if os.path.basename(path).startswith("ld-") else os.path.basename(path)
            self.add(path, f"{INSIDE}/lib/{name}")
        self.starter(LOADER)

    def starter(self, loader):
        """/usr/bin/tracectl, by its own loader."""
        self.text("/usr/bin/tracectl", "#!/bin/sh\n" f"exec {INSIDE}/lib/{loader} --argv0 tracectl --library-path {INSIDE}/lib "
                                       f"{INSIDE}/bin/tracectl \"$@\"\n", 0o755)

    def program(self, path):
        """At the same path as on the host, where decoders look for it afterwards."""
        self.add(path, path)
        return path

    def plans(self):
        """examples/ as /plans; the names without .toml."""
        names = sorted(n[:-5] for n in os.listdir(os.path.join(ROOT, "examples")) if n.endswith(".toml"))
        for name in names:
            self.add(os.path.join(ROOT, "examples", name + ".toml"), f"/plans/{name}.toml")
        return names


# A boot takes 15 to 20 seconds of a free cpu, and many times that where the cpu has much else to do. Only a guest that hangs is
# to be ended, however late: CMakeLists.txt leaves more for all of a test.
BOOT_TIMEOUT = 900


def boot(tree, script, cpus=1, icount=True, timeout=BOOT_TIMEOUT, env=None):
    """Boots with the tree laid over the guest's root and runs the script (text) there; the folder of what it left.
    icount: time follows the instructions, so that two boots are nearly alike; one cpu only. env: more for boot.sh"""
    need(cpus == 1 or not icount, "icount is for one cpu")
    env = {"TREE": tree.root, "CPUS": str(cpus), "TIMEOUT": str(timeout), "ICOUNT": "1" if icount else ""} | (env or {})
    bench = tree.bench
    out = bench.path("out")
    with open(bench.path("script"), "w", encoding="utf-8") as file:
        file.write(script)
    done = subprocess.run(["sh", os.path.join(HERE, "boot.sh"), tree.instrument.find(), bench.path("script"), out],
                          env={"PATH": os.environ["PATH"], "LC_ALL": "C"} | env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    console = done.stdout.decode(errors="replace")
    with open(bench.path("console"), "w", encoding="utf-8") as file:
        file.write(console)
    ended = re.search(r"=== script ends with (\d+)", console)
    died = re.search(r"^.*(BUG:|Oops|int3:|Kernel panic|general protection)", console, re.M)
    tail = console[died.start():][:3000] if died else console[-3000:]
    need(done.returncode == 0 and ended, f"the guest did not run its script (status {done.returncode}):\n{tail}")
    equal("status of the guest's script", int(ended[1]), 0)
    return out


# Ten calls of newuname(2) in ten children, for the tests inside of it.
UNAME_LOOP = "for i in 1 2 3 4 5 6 7 8 9 10; do /usr/bin/uname; done >/dev/null"


def with_plans(tree):
    """The program under test and the examples."""
    tree.tracectl()
    tree.plans()
    return tree


def read(out, name):
    with open(os.path.join(out, name), encoding="utf-8", errors="replace") as file:
        return file.read()


def status(out, name):
    return int(read(out, f"{name}.status"))


def quiet_kernel(_, out):
    equal("warnings of the guest's kernel", read(out, "dmesg"), "")


# --- perf on the host ---

def need_perf(bench):
    found = shutil.which("perf") and bench.run(["perf", "version"]).returncode == 0
    skip_unless(found, "perf is not installed (apt-get install linux-perf)")


def readable_by_old_perf(capture):
    """Rewrites the header of a capture by a newer perf in place: perf 6.1 reads no perf_event_attr longer than its own
    (128 bytes), though what a newer one adds says nothing to a decoder. Everything else stays as recorded."""
    data = os.path.join(capture, "data") if os.path.isdir(capture) else capture
    with open(data, "r+b") as file:
        head = file.read(40)
        size, at, length = struct.unpack_from("<16xQQQ", head)
        if size <= OLD_ATTR + ID_SECTION:
            return capture
        file.seek(at)
        table = file.read(length)
        entries = [table[i:i + size] for i in range(0, length, size)]
        file.seek(at)
        for entry in entries:
            attr = entry[:4] + struct.pack("<I", OLD_ATTR) + entry[8:OLD_ATTR]
            file.write(attr + entry[-ID_SECTION:])
        file.seek(16)
        file.write(struct.pack("<QQQ", OLD_ATTR + ID_SECTION, at, len(entries) * (OLD_ATTR + ID_SECTION)))
    return capture


def perf_script(bench, capture, *options):
    done = bench.run(["perf", "script", "-i", readable_by_old_perf(capture), *options])
    need(done.returncode == 0, f"perf script {capture}: status {done.returncode}: "
                               f"{done.stderr.decode(errors='replace')[-500:]}")
    return done


def perf_errors(bench, capture):
    """How many errors perf's decoder meets."""
    done = perf_script(bench, capture, "--itrace=e")
    return done.stdout.count(b" error type ") + done.stderr.count(b" error type ")


def perf_instructions(bench, capture, fields="ip"):
    """The chosen fields of each instruction."""
    done = perf_script(bench, capture, "--itrace=i0ns", "-F", f"event,{fields}")
    out = []
    for line in done.stdout.decode(errors="replace").splitlines():
        event, _, rest = line.strip().partition(" ")
        if event.startswith("instructions"):
            out.append(rest.strip())
    return out


def uninterrupted(items, name_of):
    """The items (instructions, or names of functions) without those of interrupts and page faults, which come or not as the
    clock, a disk and the stack's random address have it: from the kernel's entry to its iret."""
    out, inside = [], False
    for item in items:
        name = name_of(item)
        inside = inside or name.startswith(("asm_sysvec_", "asm_common_interrupt", "asm_exc_page_fault"))
        if not inside:
            out.append(item)
        inside = inside and name != "native_irq_return_iret"
    need(not inside, "an interrupt without an end:", items[-50:])
    return out


# --- the frame of a test ---

def options_of():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--keep", action="store_true", help="leave the scratch directory")
    parser.add_argument("--out", help="check what an earlier boot left in this folder, without booting")
    return parser.parse_args()


def run_checks(bench, out, checks):
    failed = 0
    for check in checks:
        try:
            words = check(bench, out)
            print(f"{check.__name__}: ok{f' ({words})' if words else ''}", flush=True)
        except Skipped as why:
            print(f"{check.__name__}: skipped: {why}", flush=True)
        except (Failure, subprocess.TimeoutExpired, OSError, KeyError, IndexError, ValueError) as why:
            failed += 1
            print(f"{check.__name__}: FAILED: {why}", flush=True)
            if not isinstance(why, Failure):
                traceback.print_exc(file=sys.stdout)
    return failed


def main(prepare, checks, instrument=INTEL_PT):
    """prepare(bench) -> the folder that the guest left; checks: functions of (bench, that folder)."""
    options = options_of()
    bench = Bench(options.build)
    try:
        print(f"instrument: {instrument.find()}", flush=True)
        instrument.check()
        status = 1 if run_checks(bench, options.out or prepare(bench), checks) else 0
    except Skipped as why:
        print(f"skipped: {why}")
        status = SKIP
    except Failure as why:
        print(f"FAILED: {why}")
        status = 1
    finally:
        if options.keep:
            print("  in", bench.scratch)
        else:
            shutil.rmtree(bench.scratch, ignore_errors=True)
    sys.exit(status)
