# SPDX-License-Identifier: MIT
"""An AArch64 guest whose cpus have ETE and TRBE: finds the instrument and an AArch64 tracectl, lays files over the guest's
root, boots, gives what it left. The frame of a test is guest.py's.

    tree = Tree(bench); tree.tracectl(); tree.program("windows"); out = boot(tree, script, cpus=1, icount=True)

usage: arm.py --build DIR     cross-compiles tracectl into DIR/aarch64, or says why it cannot (status 77)"""
import os
import re
import shutil
import subprocess
import sys

import guest
from guest import INSIDE, ROOT, Skipped, equal, need, skip_unless

PREFIX = "aarch64-linux-gnu-"
LIBRARIES = "/usr/lib/aarch64-linux-gnu"
LOADER = "ld-linux-aarch64.so.1"
PACKAGES = ("g++-aarch64-linux-gnu libopencsd-dev:arm64 libcapstone-dev:arm64 libdw-dev:arm64 libelf-dev:arm64 libfmt-dev:arm64 "
            "libzydis-dev:arm64 libzycore-dev:arm64 (behind dpkg --add-architecture arm64; apt-get update)")
NEEDED = ("libopencsd_c_api.so", "libcapstone.so", "libdw.so", "libelf.so", "libfmt.so", "libZydis.so")


def find_instrument():
    """The folder with boot.sh and its prebuilt guest."""
    shared = os.environ.get("TRACECTL_SHARED") or os.path.join(ROOT, "..", "shared")
    folder = os.path.abspath(os.path.join(shared, "instruments", "qemu-ete-trbe"))
    parts = ["boot.sh"] + [os.path.join("prebuilt", part) for part in ("qemu-system-aarch64", "vmlinuz.xz", "guest.cpio.xz")]
    skip_unless(all(os.path.exists(os.path.join(folder, part)) for part in parts),
                "no QEMU with ETE and TRBE below $TRACECTL_SHARED/instruments/qemu-ete-trbe")
    return folder


def check_instrument(folder):
    skip_unless(shutil.which("cpio") and shutil.which("xz"), "cpio and xz are needed (apt-get install cpio xz-utils)")
    qemu = subprocess.run([os.path.join(folder, "prebuilt", "qemu-system-aarch64"), "--version"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    skip_unless(qemu.returncode == 0, f"its QEMU does not start: {qemu.stdout.decode(errors='replace').strip()[-300:]}")


def cross_folder(build):
    return os.path.join(os.path.abspath(build), "aarch64")


def cross_build(build):
    """Builds what has changed."""
    missing = [name for name in NEEDED if not os.path.exists(os.path.join(LIBRARIES, name))]
    skip_unless(shutil.which(PREFIX + "g++") and not missing, f"no cross build: apt-get install {PACKAGES}")
    folder = cross_folder(build)
    for command in (["cmake", "--preset", "aarch64", "-B", folder], ["cmake", "--build", folder, "--target", "tracectl"]):
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        need(done.returncode == 0, f"{' '.join(command)}:\n{done.stdout.decode(errors='replace')[-3000:]}")
    return os.path.join(folder, "tracectl")


def find_tracectl(bench):
    """$TRACECTL_AARCH64, or what cross_build has made."""
    program = os.environ.get("TRACECTL_AARCH64") or os.path.join(cross_folder(bench.build), "tracectl")
    skip_unless(os.path.exists(program), f"no AArch64 tracectl: test/guest/arm.py --build {bench.build} builds it")
    return program


def libraries(program, known=None):
    """Every library that it needs, from Debian's arm64 packages; the loader too."""
    known = {} if known is None else known
    text = subprocess.run(["readelf", "-d", program], stdout=subprocess.PIPE, check=True).stdout.decode()
    for name in re.findall(r"\(NEEDED\).*\[(.*)\]", text):
        if name in known:
            continue
        path = next((p for p in (os.path.join(LIBRARIES, name), os.path.join("/lib/aarch64-linux-gnu", name)) if os.path.exists(p)), None)
        need(path, f"{program} needs {name}, which is not in {LIBRARIES}")
        known[name] = os.path.realpath(path)
        libraries(known[name], known)
    return known


class Tree(guest.Tree):
    """Files for the guest, below one folder of the host. Its own init is the instrument's."""

    def __init__(self, bench):  # pylint: disable=super-init-not-called
        self.bench = bench
        self.root = bench.path("tree")
        self.copies = ""  # the guest's init mounts its own /tmp, where this computer has the programs
        os.makedirs(self.root)

    def tracectl(self):
        program = find_tracectl(self.bench)
        self.add(program, f"{INSIDE}/bin/tracectl")
        subprocess.run([PREFIX + "strip", "-g", f"{self.root}{INSIDE}/bin/tracectl"], check=True)
        for name, path in libraries(program).items():
            self.add(path, f"{INSIDE}/lib/{name}")
        self.add(os.path.realpath(os.path.join("/lib/aarch64-linux-gnu", LOADER)), f"{INSIDE}/lib/{LOADER}", 0o755)
        self.text("/usr/bin/tracectl", "#!/bin/sh\n" f"exec {INSIDE}/lib/{LOADER} --argv0 tracectl --library-path {INSIDE}/lib "
                                       f"{INSIDE}/bin/tracectl \"$@\"\n", 0o755)

    def program(self, path):
        """test/emulated/programs/NAME.c, static, for AArch64; at the same path here and in the guest."""
        skip_unless(shutil.which(PREFIX + "gcc"), f"no {PREFIX}gcc (apt-get install gcc-aarch64-linux-gnu)")
        target = self.bench.path(f"{path}_static")
        source = os.path.join(ROOT, "test", "emulated", "programs", path + ".c")
        done = subprocess.run([PREFIX + "gcc", "-O1", "-g", "-static", "-pthread", "-o", target, source],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        need(done.returncode == 0, done.stdout.decode(errors="replace"))
        inside = f"/opt/programs/{path}_static"
        self.add(target, inside)
        self.copies += f"mkdir -p {os.path.dirname(target)}; cp {inside} {target}\n"
        return target


def boot(tree, script, cpus=1, icount=True, timeout=280):
    """Boots with the tree laid over the guest's root and runs the script (text) there; the folder of what it left.
    icount: time follows the instructions, so that two boots are alike; one cpu only."""
    need(cpus == 1 or not icount, "icount is for one cpu")
    bench = tree.bench
    out = bench.path("out")
    with open(bench.path("script"), "w", encoding="utf-8") as file:
        file.write(tree.copies + script)
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C", "EXTRA": tree.root, "CPUS": str(cpus), "TIMEOUT": str(timeout),
           "QARGS": "-icount shift=3,sleep=off" if icount else ""}
    done = subprocess.run(["bash", os.path.join(find_instrument(), "boot.sh"), bench.path("script"), out], env=env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    console = done.stdout.decode(errors="replace")
    with open(bench.path("console"), "w", encoding="utf-8") as file:
        file.write(console)
    end = re.search(r"=== guest script end rc=(\d+)", console)
    need(done.returncode == 0 and end, f"the guest did not run its script (status {done.returncode}):\n{console[-3000:]}")
    equal("status of the guest's script", int(end[1]), 0)
    return out


def main(prepare, checks):
    """As guest.main, with this instrument."""
    guest.find_instrument = find_instrument
    guest.check_instrument = check_instrument
    guest.main(prepare, checks)


def build():
    options = guest.options_of()
    try:
        print(cross_build(options.build))
    except Skipped as why:
        print(f"skipped: {why}")
        sys.exit(guest.SKIP)
    except guest.Failure as why:
        print(f"FAILED: {why}")
        sys.exit(1)


if __name__ == "__main__":
    build()
