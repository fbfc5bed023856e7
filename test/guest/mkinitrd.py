#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: mkinitrd.py ROOT TREE PROGRAM...: TREE gets the programs of ROOT (unpacked Debian packages) and every library
that they need, at the places where the guest's loader looks."""
import os
import re
import shutil
import subprocess
import sys

FOLDERS = "bin sbin usr/bin usr/sbin lib lib64 lib/modules proc sys dev tmp root etc mnt run var".split()
# Debian's name of the architecture, the loader and its folder
ARCHITECTURES = (("x86_64-linux-gnu", "ld-linux-x86-64.so.2", "lib64"), ("aarch64-linux-gnu", "ld-linux-aarch64.so.1", "lib"))


def needed(file):
    text = subprocess.run(["readelf", "-d", file], stdout=subprocess.PIPE, check=True).stdout.decode()
    return re.findall(r"\(NEEDED\).*\[(.*)\]", text)


def architecture(root):
    """Of what is unpacked in ROOT."""
    return next(arch for arch in ARCHITECTURES if os.path.isdir(os.path.join(root, "usr/lib", arch[0])))


def find(root, name):
    triple = architecture(root)[0]
    for folder in (f"usr/lib/{triple}", "usr/lib", f"lib/{triple}", f"usr/lib/{triple}/libbpf", "usr/lib64", "lib64", "lib"):
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
    triple, loader, loader_folder = architecture(root)
    libraries = f"usr/lib/{triple}"
    shutil.rmtree(tree, ignore_errors=True)
    for folder in [*FOLDERS, libraries]:
        os.makedirs(os.path.join(tree, folder), exist_ok=True)
    os.symlink(f"../{libraries}", os.path.join(tree, "lib", triple))
    found = {}
    for program in programs:
        source = os.path.realpath(os.path.join(root, program))
        closure(root, source, found)
        shutil.copy2(source, os.path.join(tree, program))
    for name, path in found.items():
        shutil.copy2(path, os.path.join(tree, libraries, name))
    shutil.copy2(find(root, loader), os.path.join(tree, loader_folder, loader))


if __name__ == "__main__":
    main()
