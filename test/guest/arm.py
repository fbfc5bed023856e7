# SPDX-License-Identifier: MIT
"""An AArch64 guest whose cpus have ETE and TRBE: guest.py's with this instrument and a tracectl for it.

    tree = Tree(bench); tree.tracectl(); tree.program("windows"); out = boot(tree, script, cpus=1, icount=True)

usage: arm.py     cross-compiles tracectl into build-aarch64, or says why it cannot (status 77)"""
import os
import re
import shutil
import subprocess
import sys

import guest
from guest import INSIDE, ROOT, Skipped, need, skip_unless

PREFIX = "aarch64-linux-gnu-"
LIBRARIES = "/usr/lib/aarch64-linux-gnu"
LOADER = "ld-linux-aarch64.so.1"
NEEDED = ("libopencsd_c_api.so", "libcapstone.so", "libdw.so", "libelf.so", "libfmt.so", "libZydis.so")


CROSS = os.path.join(ROOT, "build-aarch64")
ETE_TRBE = guest.Instrument("ETE and TRBE", ("qemu-system-aarch64", "vmlinuz", "guest.cpio.xz"), "aarch64", "qemu-ete-trbe")


def cross_build():
    """Builds what has changed."""
    missing = [name for name in NEEDED if not os.path.exists(os.path.join(LIBRARIES, name))]
    skip_unless(shutil.which(PREFIX + "g++") and not missing,
                "no cross build: `./dev guest` installs its packages, docs/aarch64.md names them")
    for command in (["cmake", "--preset", "aarch64"], ["cmake", "--build", CROSS, "--target", "tracectl"]):
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        need(done.returncode == 0, f"{' '.join(command)}:\n{done.stdout.decode(errors='replace')[-3000:]}")
    return os.path.join(CROSS, "tracectl")


def find_tracectl():
    """$TRACECTL_AARCH64, or what cross_build has made."""
    program = os.environ.get("TRACECTL_AARCH64") or os.path.join(CROSS, "tracectl")
    skip_unless(os.path.exists(program), "no AArch64 tracectl: test/guest/arm.py builds it")
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
    """Files for the guest, below one folder of the host."""
    instrument = ETE_TRBE

    def tracectl(self):
        program = find_tracectl()
        self.add(program, f"{INSIDE}/bin/tracectl")
        subprocess.run([PREFIX + "strip", "-g", f"{self.root}{INSIDE}/bin/tracectl"], check=True)
        for name, path in libraries(program).items():
            self.add(path, f"{INSIDE}/lib/{name}")
        self.add(os.path.realpath(os.path.join("/lib/aarch64-linux-gnu", LOADER)), f"{INSIDE}/lib/{LOADER}", 0o755)
        self.starter(LOADER)

    def program(self, path, folder=os.path.join(ROOT, "test", "emulated", "programs")):
        """NAME.c of the folder, static, for AArch64; at the same path here and in the guest."""
        skip_unless(shutil.which(PREFIX + "gcc"), f"no {PREFIX}gcc (apt-get install gcc-aarch64-linux-gnu)")
        target = self.bench.path(f"{path}_static")
        source = os.path.join(folder, path + ".c")
        done = subprocess.run([PREFIX + "gcc", "-O1", "-g", "-static", "-pthread", "-o", target, source],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        need(done.returncode == 0, done.stdout.decode(errors="replace"))
        return super().program(target)


def boot(tree, script, cpus=1, icount=True, timeout=guest.BOOT_TIMEOUT):
    """As guest.boot."""
    return guest.boot(tree, script, cpus, icount, timeout, {"MEMORY": "2048"})


def main(prepare, checks):
    """As guest.main, with this instrument."""
    guest.main(prepare, checks, ETE_TRBE)


def build():
    try:
        ETE_TRBE.find()
        print(cross_build())
    except Skipped as why:
        print(f"skipped: {why}")
        sys.exit(guest.SKIP)
    except guest.Failure as why:
        print(f"FAILED: {why}")
        sys.exit(1)


if __name__ == "__main__":
    build()
