#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: mkinitrd.py ROOT TREE PROGRAM...: TREE gets the programs of ROOT (unpacked Debian packages) and every library
that they need, at the places where the guest's loader looks."""
import os
import re
import shutil
import subprocess
import sys

LIBRARIES = "usr/lib/x86_64-linux-gnu"
FOLDERS = f"bin sbin usr/bin usr/sbin {LIBRARIES} lib lib64 lib/modules proc sys dev tmp root etc mnt run var".split()
LOADER = "ld-linux-x86-64.so.2"


def needed(file):
    text = subprocess.run(["readelf", "-d", file], stdout=subprocess.PIPE, check=True).stdout.decode()
    return re.findall(r"\(NEEDED\).*\[(.*)\]", text)


def find(root, name):
    for folder in (LIBRARIES, "usr/lib", "lib/x86_64-linux-gnu", f"{LIBRARIES}/libbpf", "usr/lib64", "lib64"):
        path = os.path.join(root, folder, name)
        if os.path.exists(path):
            return os.path.realpath(path)
    sys.exit(f"mkinitrd: no package unpacked in {root} has {name}")


def closure(root, file, found):
    for name in needed(file):
        if name not in found:
            found[name] = find(root, name)
            closure(root, found[name], found)


def main():
    root, tree, *programs = sys.argv[1:]
    shutil.rmtree(tree, ignore_errors=True)
    for folder in FOLDERS:
        os.makedirs(os.path.join(tree, folder), exist_ok=True)
    os.symlink(f"../{LIBRARIES}", os.path.join(tree, "lib/x86_64-linux-gnu"))
    found = {}
    for program in programs:
        source = os.path.realpath(os.path.join(root, program))
        closure(root, source, found)
        shutil.copy2(source, os.path.join(tree, program))
    for name, path in found.items():
        shutil.copy2(path, os.path.join(tree, LIBRARIES, name))
    shutil.copy2(find(root, LOADER), os.path.join(tree, "lib64", LOADER))


if __name__ == "__main__":
    main()
